"""A TensorFlow Lite file that answers, with LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRT  # type: ignore[import-untyped]

from components.model_optimizer.features import Inputs
from components.model_optimizer.metric import Answers
from components.model_optimizer.obstacle import Obstacle


class Interpreter:
    """One file on one thread; it takes any number of examples and asks about one after the other."""

    def __init__(self, file: Path, signature: str) -> None:
        """Loads a file.

        Raises:
          Obstacle: it cannot be loaded.
        """
        try:
            self._runtime: Any = LiteRT(str(file), num_threads=1)
            self._runtime.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise Obstacle(f"it cannot be loaded: {str(error).splitlines()[0][:200]}") from error
        if signature not in self._runtime.get_signature_list():
            raise Obstacle(f"the converter gave it no signature {signature}")
        runner = self._runtime.get_signature_runner(signature)
        self._inputs = {name: tensor["index"] for name, tensor in runner.get_input_details().items()}
        self._outputs = {name: tensor["index"] for name, tensor in runner.get_output_details().items()}

    def __call__(self, inputs: Inputs) -> Answers:
        """The answers to inputs [rows, ...]."""
        rows = len(next(iter(inputs.values())))
        found: dict[str, list[np.ndarray]] = {name: [] for name in self._outputs}
        for row in range(rows):
            for name, index in self._inputs.items():
                self._runtime.set_tensor(index, inputs[name][row : row + 1])
            self._runtime.invoke()
            for name, index in self._outputs.items():
                found[name].append(self._runtime.get_tensor(index))
        return {name: np.concatenate(answers) for name, answers in found.items()}
