"""Measures a model with TFMA and writes the verdict, what goes wrong where, and TFX's own blessing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils, path_utils, proto_utils

from components.batches import files
from components.classifiers import class_names as class_names_of
from components.evaluator import buckets, comparison, measured
from components.evaluator.constants import BLESSED, FORMER, OWN, VERDICT
from components.evaluator.findings import Answers
from components.evaluator.measuring import measure
from components.evaluator.verdict import BASELINE, verdict

# What the values under `baseline` of a verdict are.


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates, blesses or not, and writes `verdict.json` and the findings into the evaluation's folder."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills the artifacts `evaluation` and `blessing`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        left_out = _obstacle(input_dict)
        if left_out is not None:
            input_dict = {**input_dict, standard_component_specs.BASELINE_MODEL_KEY: []}
        candidate = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        baseline = (input_dict.get(standard_component_specs.BASELINE_MODEL_KEY) or [None])[0]
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        asked = tfma.EvalConfig()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.EVAL_CONFIG_KEY], asked)
        # Without a baseline TFX lets change thresholds hold, which is what rubber_stamp means.
        eval_config = tfma.utils.update_eval_config_with_defaults(
            asked, has_baseline=baseline is not None, rubber_stamp=True
        )
        tfma.utils.verify_eval_config(eval_config)
        models = {
            spec.name: path_utils.serving_model_path((baseline if spec.is_baseline else candidate).uri)
            for spec in eval_config.model_specs
        }
        (spec,) = (spec for spec in eval_config.model_specs if not spec.is_baseline)
        class_names = class_names_of(Path(models[spec.name]))
        named = _buckets(input_dict, exec_properties["buckets"])
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        splits = json_utils.loads(exec_properties[standard_component_specs.EXAMPLE_SPLITS_KEY])
        digest = measured.digest(input_dict, exec_properties, eval_config)
        former = measured.find(uri, digest)
        if former is not None:
            measured.judge(former, uri, eval_config)
        else:
            with self._make_beam_pipeline() as pipeline:
                measure(
                    pipeline,
                    examples,
                    splits,
                    _schema(input_dict),
                    eval_config,
                    models,
                    named,
                    Answers(
                        spec,
                        keyed_by_model=len(models) > 1,
                        task=exec_properties["task"],
                        class_names=class_names,
                        most=exec_properties["mistakes"],
                        folder=uri,
                        predictions=exec_properties["predictions"],
                        files=[path for split in splits for one in examples for path in files(one, split)],
                    ),
                )
        measured.mark(uri, digest)
        result = verdict(
            list(tfma.load_metrics(uri)),
            tfma.load_validation_result(uri),
            asked,
            has_baseline=baseline is not None,
            min_slice_examples=exec_properties["min_slice_examples"],
            class_names=class_names,
            baseline_class_names=class_names_of(Path(models[BASELINE])) if baseline is not None else [],
            class_gates=json.loads(exec_properties["class_gates"]),
            former=_former(input_dict),
        )
        result["baseline_left_out"] = left_out
        result["baseline_is"] = OWN if input_dict.get(FORMER) else BLESSED
        if named:
            result["buckets"] = {column: asdict(bucket) for column, bucket in named.items()}
        Path(uri, VERDICT).write_text(json.dumps(result, indent=1))
        for blessing in output_dict.get(standard_component_specs.BLESSING_KEY, []):
            _bless(blessing, result["blessed"], candidate, baseline)


def _former(input_dict: Mapping[str, list[types.Artifact]]) -> dict[str, Any] | None:
    """The verdict of the model's former evaluation, if one is given."""
    former = input_dict.get(FORMER)
    return json.loads(Path(former[0].uri, VERDICT).read_text()) if former else None


def _schema(input_dict: Mapping[str, list[types.Artifact]]) -> schema_pb2.Schema:
    folder = artifact_utils.get_single_uri(input_dict[standard_component_specs.SCHEMA_KEY])
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))


def _buckets(input_dict: Mapping[str, list[types.Artifact]], names: str) -> dict[str, buckets.Bucket]:
    """The buckets of the columns that are named."""
    if not input_dict.get(standard_component_specs.STATISTICS_KEY):
        return {}
    statistics = artifact_utils.get_single_uri(input_dict[standard_component_specs.STATISTICS_KEY])
    return buckets.read(statistics, json.loads(names))


def _obstacle(input_dict: dict[str, list[types.Artifact]]) -> str | None:
    """Why the baseline, if there is one, cannot be compared."""
    baseline = input_dict.get(standard_component_specs.BASELINE_MODEL_KEY)
    if not baseline:
        return None
    (candidate,) = input_dict[standard_component_specs.MODEL_KEY]
    return comparison.obstacle(
        path_utils.serving_model_path(baseline[0].uri), path_utils.serving_model_path(candidate.uri)
    )


def _bless(
    blessing: types.Artifact, blessed: bool, candidate: types.Artifact, baseline: types.Artifact | None
) -> None:
    """Fills a ModelBlessing as TFX's Evaluator does: a file, and properties that name the models."""
    Path(blessing.uri).mkdir(parents=True, exist_ok=True)
    file = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    Path(blessing.uri, file).write_text("")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, candidate.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, candidate.id)
    if baseline is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
