"""Runs the component's executor on artifacts, as TFX does."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.model_optimizer.artifact import EdgeModel
from components.model_optimizer.config import Optimizer
from components.model_optimizer.executor import Executor


@dataclass
class Optimized:
    """What one execution left."""

    edge: EdgeModel
    saved_model: Path
    scratch: Path

    @property
    def folder(self) -> Path:
        return Path(self.edge.uri)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "optimized.json").read_text())

    @property
    def forms(self) -> dict[str, dict[str, Any]]:
        return self.report["forms"]


def optimized(
    folder: Path,
    saved_model: Path,
    examples: standard_artifacts.Examples,
    blessed: bool = True,
    task: str = "multiclass",
    labels: tuple[str, ...] = ("label",),
    metric: str = "accuracy",
    **settings: Any,
) -> Optimized:
    model, blessing, edge = standard_artifacts.Model(), standard_artifacts.ModelBlessing(), EdgeModel()
    model.uri, blessing.uri, edge.uri = (str(folder / name) for name in ("model", "blessing", "edge"))
    blessing.set_int_custom_property("blessed", int(blessed))
    served = Path(model.uri, "Format-Serving")
    shutil.copytree(saved_model, served)
    context = base_executor.BaseExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="7")
    Executor(context).Do(
        {"model": [model], "model_blessing": [blessing], "examples": [examples]},
        {"edge_model": [edge]},
        {
            "model_name": "digits",
            "task": task,
            "labels": json_utils.dumps(list(labels)),
            "metric": metric,
            "settings": Optimizer(**settings).model_dump_json(),
            "code": "",
        },
    )
    return Optimized(edge, served, folder / "tmp" / "7")
