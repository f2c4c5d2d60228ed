"""Measures attributions on a sample of the split `eval`, and compares them with those of the last blessed model."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from common.errors import BadInput
from components import batches
from components.attributions import explanation, permutation, report
from components.attributions.config import Attributions as Settings
from components.attributions.constants import MODEL_ID
from components.attributions.model import ExplainedModel
from components.classifiers import SCORES
from components.evaluator import figures, slice_names
from components.evaluator.constants import VERDICT
from components.evaluator.sample import smallest
from components.serving_check.rows import values_of

SPLIT = "eval"


@dataclass(frozen=True)
class Examples:
    """Examples that have their labels: serialized, their raw features, labels [N] by output, and slices bool [N]."""

    serialized: Sequence[bytes]
    raw: Sequence[Mapping[str, Sequence[Any]]]
    labels: Mapping[str, np.ndarray]
    slices: Mapping[str, np.ndarray]

    def first(self, count: int) -> Examples:
        """So many of them."""
        return Examples(
            self.serialized[:count],
            self.raw[:count],
            {name: values[:count] for name, values in self.labels.items()},
            {name: rows[:count] for name, rows in self.slices.items()},
        )


class Executor(base_executor.BaseExecutor):
    """Leaves FeatureAttributions."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        model, examples, evaluation = (
            artifact_utils.get_single_instance(input_dict[key]) for key in ("model", "examples", "evaluation")
        )
        artifact = artifact_utils.get_single_instance(output_dict["attributions"])
        folder = Path(artifact.uri)
        folder.mkdir(parents=True, exist_ok=True)
        former = (input_dict.get("former") or [None])[0]
        settings = Settings.model_validate_json(exec_properties["settings"])
        task, labels = exec_properties["task"], json.loads(exec_properties["labels"])
        explained = ExplainedModel(
            Path(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))
        )
        verdict = json.loads(Path(evaluation.uri, VERDICT).read_text())
        found = _read(
            examples, explained, task, labels, settings.examples, exec_properties, verdict.get("buckets", {})
        )
        metric = exec_properties["metric"]
        columns = sorted({name for row in found.raw for name in row} - set(labels))
        told: dict[str, Any] = {
            "metric": metric,
            "examples": len(found.serialized),
            "permutation": {
                "repeats": settings.repeats,
                "rows": permutation.importances(
                    explained.ask,
                    found.serialized,
                    explained.features(columns),
                    _figures(task, metric, found.labels),
                    bool(exec_properties["higher_is_better"]),
                    found.slices,
                    settings.repeats,
                    settings.seed,
                ),
            },
            "gradients": None,
            "max_drift": settings.drift,
        }
        if settings.gradient_examples and explained.explained is None:
            logging.warning("no gradients: the model was exported without what is differentiated")
        elif settings.gradient_examples:
            part = found.first(settings.gradient_examples)
            told["gradients"] = explanation.explain(
                explained, part.serialized, part.raw, task, labels, part.slices, settings.steps, folder
            )
        told["drift"] = report.drift(told, report.read(Path(former.uri)) if former is not None else None)
        report.write(folder, told)
        artifact.set_int_custom_property(MODEL_ID, model.id)


def _read(
    examples: types.Artifact,
    model: ExplainedModel,
    task: str,
    labels: Sequence[str],
    most: int,
    parameters: Mapping[str, Any],
    buckets: Mapping[str, Any],
) -> Examples:
    """A sample of the split: always the same examples, those without a label left out.

    Raises:
      BadInput: there is none.
    """
    serialized = smallest(batches.records(batches.files(examples, SPLIT)), most)
    if serialized:
        transformed = model.transformed(serialized)
        true = {label: transformed[f"{label}_xf"].reshape(-1) for label in labels}
        known = np.all(
            [np.isfinite(values) & ((task == "regression") | (values >= 0)) for values in true.values()],
            axis=0,
        )
        serialized = [one for one, has_label in zip(serialized, known, strict=True) if has_label]
    if not serialized:
        raise BadInput(
            f"attributions: the split {SPLIT} has no example with a label ({', '.join(labels)}); give it a larger share"
            " in data.splits, or take attributions out"
        )
    raw = [values_of(one) for one in serialized]
    columns = {name for row in raw for name in row}
    values = {name: [_single(row.get(name)) for row in raw] for name in columns}
    slices = {}
    for by in json.loads(parameters["slices"]):
        for name, rows in slice_names.of_columns(values, by, buckets).items():
            if rows.sum() >= max(2, parameters["min_slice_examples"]):
                slices[name] = rows
    return Examples(serialized, raw, {label: true[label][known] for label in labels}, slices)


def _single(values: Sequence[Any] | None) -> Any:
    if not values or len(values) > 1:
        return None
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else values[0]


def _figures(task: str, metric: str, labels: Mapping[str, np.ndarray]) -> dict[str, permutation.Figure]:
    """The metric of each output."""

    def of_numbers(label: str) -> permutation.Figure:
        return lambda answers, rows: figures.of_numbers(
            metric, labels[label][rows], answers[label].reshape(-1)[rows]
        )

    if task == "regression":
        several = len(labels) > 1
        return {label if several else "": of_numbers(label) for label in labels}
    (true,) = labels.values()
    true = true.astype(np.int64)
    return {"": lambda answers, rows: figures.of_classes(metric, true[rows], answers[SCORES[task]][rows])}
