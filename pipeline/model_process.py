"""Models in a process of their own, asked over its standard input: `python -m pipeline.model_process`.

What imports TensorFlow, and may die of a model that is too large, is not the process that shows pages. A request is a line of
JSON, and so is its answer. It ends when its input does, so with the process that started it.

  {"do": "signatures", "folder": F}                                 -> {"signatures": {name: {"inputs": {name: [dtype, shape]}, "outputs": ...}}}
  {"do": "predict", "folder": F, "signature": S, "rows": [{...}]}   -> {"rows": [{...}]}
  anything that fails                                               -> {"error": one line}
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from pipeline.local_model import LocalModel
from serving.client_types import Tensor
from serving.json_values import to_json

MOST_MODELS = 3
"""That are held at once; the one that was not asked for longest makes room."""
ROWS_AT_ONCE = 1000


class Models:
    """Loaded versions by their folder; a folder whose model was replaced is loaded anew."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[tuple[str, int], LocalModel] = OrderedDict()

    def get(self, folder: str) -> LocalModel:
        """The model in a folder. Raises BadInput when it cannot be loaded."""
        path = Path(folder)
        file = path / "saved_model.pb"
        key = (folder, file.stat().st_mtime_ns if file.is_file() else 0)
        if key not in self._loaded:
            while len(self._loaded) >= MOST_MODELS:
                self._loaded.popitem(last=False)
            self._loaded[key] = LocalModel(f"{path.parent.name} version {path.name}", path)
        self._loaded.move_to_end(key)
        return self._loaded[key]


def answer(models: Models, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request is answered; a mistake of its sender is an `error` too."""
    try:
        model = models.get(request["folder"])
        if request["do"] == "signatures":
            return {"signatures": {name: _described(one) for name, one in model.signatures.items()}}
        rows = request["rows"]
        parts = [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
        return {"rows": [row for part in parts for row in model.predict(part, request["signature"])]}
    except UserError as error:
        return {"error": str(error)}
    except Exception as error:
        lines = str(error).strip().splitlines()
        return {"error": f"{type(error).__name__}: {lines[0] if lines else 'no more is known'}"}


def main() -> None:
    """Answer until the input ends."""
    # What libraries print would stand between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    models = Models()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(to_json(answer(models, json.loads(line)))).encode() + b"\n")
        answers.flush()
    # TensorFlow would tidy up for seconds.
    os._exit(0)


def _described(signature: Any) -> dict[str, dict[str, tuple[str, Any]]]:
    def tensors(named: Mapping[str, Tensor]) -> dict[str, tuple[str, Any]]:
        return {name: (tensor.dtype, tensor.shape) for name, tensor in named.items()}

    return {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}


if __name__ == "__main__":
    main()
