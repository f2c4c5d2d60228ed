"""Runs TFMA as TFX's Evaluator does, then writes the verdict as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils, proto_utils

from components.evaluator import comparison
from components.evaluator.verdict import verdict

VERDICT = "verdict.json"


class Executor(tfx_evaluator.Executor):
    """Evaluates, blesses or not, and writes `verdict.json` into the evaluation's folder."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        left_out = _obstacle(input_dict)
        if left_out is not None:
            input_dict = {**input_dict, standard_component_specs.BASELINE_MODEL_KEY: []}
        super().Do(input_dict, output_dict, exec_properties)
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        eval_config = tfma.EvalConfig()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.EVAL_CONFIG_KEY], eval_config)
        result = verdict(
            list(tfma.load_metrics(uri)),
            tfma.load_validation_result(uri),
            eval_config,
            has_baseline=bool(input_dict.get(standard_component_specs.BASELINE_MODEL_KEY)),
            min_slice_examples=exec_properties["min_slice_examples"],
        )
        result["baseline_left_out"] = left_out
        Path(uri, VERDICT).write_text(json.dumps(result, indent=1))
        _bless(
            artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY]),
            result["blessed"],
        )


def _obstacle(input_dict: dict[str, list[types.Artifact]]) -> str | None:
    """Why the baseline, if there is one, cannot be compared."""
    baseline = input_dict.get(standard_component_specs.BASELINE_MODEL_KEY)
    if not baseline:
        return None
    (candidate,) = input_dict[standard_component_specs.MODEL_KEY]
    return comparison.obstacle(
        path_utils.serving_model_path(baseline[0].uri), path_utils.serving_model_path(candidate.uri)
    )


def _bless(blessing: types.Artifact, blessed: bool) -> None:
    """Makes the blessing agree with the verdict: TFX's file and property."""
    for name, holds in (
        (constants.BLESSED_FILE_NAME, blessed),
        (constants.NOT_BLESSED_FILE_NAME, not blessed),
    ):
        file = Path(blessing.uri, name)
        if holds:
            file.write_text("")
        else:
            file.unlink(missing_ok=True)
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )
