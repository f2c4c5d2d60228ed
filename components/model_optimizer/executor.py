"""Makes the forms, measures them against the original, and keeps those that lose no more than they may."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import json_utils, path_utils

from components import pixels
from components.classifiers import CLASSES, class_names
from components.model_optimizer import evaluation, forms, graph, metric, one_thread, report, timing
from components.model_optimizer.config import Optimizer
from components.model_optimizer.constants import KEPT, MODEL
from components.model_optimizer.features import Inputs, Reader
from components.model_optimizer.metric import Answers, Metric
from components.model_optimizer.obstacle import Obstacle
from components.serving_check.report import latency
from components.serving_check.rows import columns_of

EVAL = "eval"
ORIGINAL = "original"
TIMED_ROWS = 64
ROUNDING = 1e-9


class Executor(base_executor.BaseExecutor):
    """Leaves an EdgeModel with the forms that were kept and the figures of all."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        edge = artifact_utils.get_single_instance(output_dict["edge_model"])
        folder = Path(edge.uri)
        folder.mkdir(parents=True, exist_ok=True)
        settings = Optimizer.model_validate_json(exec_properties["settings"])
        found: dict[str, Any] = {
            "signature": settings.signature,
            "metric": metric.measured(exec_properties["task"], exec_properties["metric"]),
            "max_loss": settings.max_loss,
            "gate": settings.gate,
            "original": None,
            "forms": {},
        }
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch()) as scratch:
                found |= _optimize(
                    input_dict, exec_properties, settings, found["metric"], folder, Path(scratch)
                )
        except Obstacle as reason:
            for form in settings.forms:
                shutil.rmtree(folder / form, ignore_errors=True)
            found["forms"] = {form: _not_made(str(reason)) for form in settings.forms}
        for line in report.left_out(found):
            logging.warning("not pushed: %s", line)
        report.write(folder, found)
        kept = [form for form, figures in found["forms"].items() if figures["kept"]]
        edge.set_string_custom_property(KEPT, ",".join(kept))

    def _scratch(self) -> str | None:
        """The folder that TFX removes after the execution."""
        return self._get_tmp_dir() if self._context else None


def _optimize(
    input_dict: Mapping[str, list[types.Artifact]],
    parameters: Mapping[str, Any],
    settings: Optimizer,
    measured: str,
    folder: Path,
    scratch: Path,
) -> dict[str, Any]:
    """The part of the report that needs forms; those that are kept stay in `folder`.

    Raises:
      Obstacle: no form can be made or measured.
    """
    model, blessing, examples = (
        artifact_utils.get_single_instance(input_dict[key]) for key in ("model", "model_blessing", "examples")
    )
    if not model_utils.is_model_blessed(blessing):
        raise Obstacle("the model is not blessed")
    saved_model = Path(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))
    loaded = tf.saved_model.load(str(saved_model))
    source = graph.of_signature(loaded, settings.signature)
    task, labels = parameters["task"], json_utils.loads(parameters["labels"])
    classes = [] if task == "regression" else _class_names(saved_model)
    reader = Reader(source.inputs, columns_of(input_dict), pixels.decoder(loaded))
    naming = forms.Naming(parameters["model_name"], settings.signature, task, classes)
    made = forms.make(source, settings, naming, examples, reader, folder)
    if not made.answering:
        return {"forms": {form: _not_made(reason) for form, reason in made.reasons.items()}}
    metrics = {name: metric.create(task, measured, labels, classes) for name in (ORIGINAL, *made.answering)}
    asked: dict[str, tuple[evaluation.Ask, Metric]] = {
        ORIGINAL: (_own(loaded.signatures[settings.signature]), metrics[ORIGINAL]),
        **{form: (ask, metrics[form]) for form, ask in made.answering.items()},
    }
    failed = evaluation.evaluate(asked, examples, EVAL, reader)
    if ORIGINAL in failed:
        raise Obstacle(f"the model itself fails: {failed[ORIGINAL]}")
    if not metrics[ORIGINAL].examples:
        raise Obstacle(f"the split {EVAL} has no example with a label ({', '.join(labels)})")
    timed = evaluation.first_rows(examples, EVAL, reader, TIMED_ROWS)
    own = metrics[ORIGINAL].values()
    original = {
        "bytes": _size(saved_model),
        "values": _finite(own),
        "latency_ms": latency(one_thread.milliseconds(saved_model, settings.signature, timed, scratch)),
    }
    figures = {}
    for form in settings.forms:
        reason = made.reasons.get(form) or failed.get(form)
        if reason is not None:
            figures[form] = _not_made(reason)
        else:
            file = folder / form / MODEL
            times = timing.milliseconds(made.answering[form], timed)
            figures[form] = {
                "bytes": file.stat().st_size,
                "latency_ms": latency(times),
                "float_ops": made.float_ops.get(form, []),
                **_judged(measured, own, metrics[form].values(), settings.max_loss),
            }
        if not figures[form]["kept"]:
            shutil.rmtree(folder / form, ignore_errors=True)
    return {"examples": metrics[ORIGINAL].examples, "original": original, "forms": figures}


def _judged(
    name: str, original: Mapping[str, float], values: Mapping[str, float], max_loss: float
) -> dict[str, Any]:
    """The figures of a form and whether it is kept; of several label columns the one that loses most decides."""
    lost = metric.losses(name, original, values)
    worst = max(lost, key=lambda label: (not math.isfinite(lost[label]), lost[label]))
    loss = lost[worst]
    reason = None
    if not math.isfinite(loss):
        reason = f"{name} is not a number"
    elif loss > max_loss + ROUNDING:
        what = name if len(lost) == 1 else f"{worst} {name}"
        reason = (
            f"{what} {values[worst]:.4f} is {loss:.4f} worse than the original's {original[worst]:.4f}"
            f" (max_loss: {max_loss:g})"
        )
    return {
        "values": _finite(values),
        "loss": loss if math.isfinite(loss) else None,
        "kept": reason is None,
        "reason": reason,
    }


def _not_made(reason: str) -> dict[str, Any]:
    return {
        "bytes": None,
        "latency_ms": latency([]),
        "float_ops": [],
        "values": {},
        "loss": None,
        "kept": False,
        "reason": reason,
    }


def _own(signature: Any) -> evaluation.Ask:
    def ask(inputs: Inputs) -> Answers:
        answers = signature(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: value.numpy() for name, value in answers.items() if value.dtype != tf.string}

    return ask


def _class_names(saved_model: Path) -> Sequence[str]:
    found = class_names(saved_model)
    if not found:
        raise Obstacle(f"the model has no {CLASSES}: its scores have no names")
    return found


def _size(saved_model: Path) -> int:
    """Bytes of the files that serving loads."""
    files = [file for file in saved_model.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files if "assets.extra" not in file.parts)


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {label: value if math.isfinite(value) else None for label, value in values.items()}
