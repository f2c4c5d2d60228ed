"""An Evaluator as TFX's, with a readable verdict and the worst mistakes beside TFMA's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.evaluator.constants import FORMER
from components.evaluator.executor import Executor


class EvaluatorSpec(types.ComponentSpec):
    """The Evaluator's channels and parameters, with the code's fingerprint."""

    PARAMETERS = {
        standard_component_specs.EVAL_CONFIG_KEY: component_spec.ExecutionParameter(type=tfma.EvalConfig),
        standard_component_specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
        "min_slice_examples": component_spec.ExecutionParameter(type=int),
        "task": component_spec.ExecutionParameter(type=str),
        "class_gates": component_spec.ExecutionParameter(type=str),
        "buckets": component_spec.ExecutionParameter(type=str),
        "mistakes": component_spec.ExecutionParameter(type=int),
        "predictions": component_spec.ExecutionParameter(type=int),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        standard_component_specs.STATISTICS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        FORMER: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
    }
    OUTPUTS = {
        **standard_component_specs.EvaluatorSpec.OUTPUTS,
        standard_component_specs.BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
    }


class Evaluator(base_component.BaseComponent):
    """Evaluates a model with TFMA, blesses it or not, and writes `verdict.json` and its mistakes beside the results.

    Args:
      examples: Channel of Examples, untransformed.
      model: Channel of the candidate Model.
      baseline_model: Channel of the last blessed Model, if there is one.
      schema: Channel of Schema.
      eval_config: metrics, slices and thresholds.
      example_splits: splits that are measured.
      min_slice_examples: bounds do not hold for slices, and classes, with fewer examples.
      task: what the model predicts; mistakes are kept of binary, multiclass and regression.
      class_gates: bounds for every class: metric, lower, upper, and change (to the baseline, as in the verdict).
      buckets: column -> names of its three buckets, low to high: slices by the column are by these.
      statistics: Channel of ExampleStatistics, whose train split tells where the buckets are cut.
      mistakes: how many of the worst predictions are kept.
      predictions: how many of all predictions are kept, with their examples.
      former_evaluation: Channel of a ModelEvaluation of the same model on other data: its values take the place of a
        baseline's.
      blesses: whether it gives a ModelBlessing; an evaluation on data of later days does not.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        schema: types.BaseChannel,
        eval_config: tfma.EvalConfig,
        example_splits: list[str],
        min_slice_examples: int,
        task: str,
        code: str,
        class_gates: Sequence[Mapping[str, Any]] = (),
        buckets: Mapping[str, Sequence[str]] | None = None,
        statistics: types.BaseChannel | None = None,
        mistakes: int = 0,
        predictions: int = 0,
        former_evaluation: types.BaseChannel | None = None,
        blesses: bool = True,
    ) -> None:
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                eval_config=eval_config,
                example_splits=json_utils.dumps(example_splits),
                min_slice_examples=min_slice_examples,
                task=task,
                class_gates=json.dumps(class_gates, sort_keys=True),
                buckets=json.dumps(buckets or {}, sort_keys=True),
                statistics=statistics,
                mistakes=mistakes,
                predictions=predictions,
                former_evaluation=former_evaluation,
                code=code,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing) if blesses else None,
            )
        )
