"""ExampleValidator that also measures drift against earlier data and skew between splits."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.utils import json_utils

from components.example_validator.executor import Executor


class ExampleValidatorSpec(types.ComponentSpec):
    """TFX's channels, one more for the baseline, and the thresholds as JSON."""

    PARAMETERS = {
        "drift": component_spec.ExecutionParameter(type=str),
        "skew": component_spec.ExecutionParameter(type=str),
        "drift_of": component_spec.ExecutionParameter(type=str, optional=True),
        "tolerance": component_spec.ExecutionParameter(type=float, optional=True),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
        "baseline_statistics": component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
    }
    OUTPUTS = {"anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class ExampleValidator(base_component.BaseComponent):
    """Validates the statistics of every split against the schema, an earlier span and each other.

    The anomalies artifact has TFX's standard form (Split-<name>/SchemaDiff.pb) and the custom property
    `anomaly_count`; where examples break the schema, some of them are in Split-<name>/rows.json. The component itself does not fail on anomalies: the artifact must outlive the run.

    Args:
      statistics: Channel of ExampleStatistics.
      schema: Channel of Schema.
      drift: column -> highest Jensen-Shannon divergence (0 to 1) between `baseline_statistics` and `statistics`,
        measured on the train split.
      skew: column -> highest Jensen-Shannon divergence (0 to 1) between the train and the eval split.
      code: fingerprint of the executor, part of the cache key.
      examples: Channel of the Examples that the statistics are of, to take such rows from.
      baseline_statistics: Channel of the ExampleStatistics to measure drift against, if there are any.
      drift_of: a split other than train to measure the drift of, against train of the baseline: of every column, which
        is written to `drift.json` beside the anomalies.
      tolerance: share of the examples that may lack a value that the schema demands, or have one beyond its domain.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        drift: Mapping[str, float],
        skew: Mapping[str, float],
        code: str,
        examples: types.BaseChannel | None = None,
        baseline_statistics: types.BaseChannel | None = None,
        drift_of: str | None = None,
        tolerance: float | None = None,
    ) -> None:
        super().__init__(
            spec=ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                examples=examples,
                baseline_statistics=baseline_statistics,
                drift=json_utils.dumps(dict(drift)),
                skew=json_utils.dumps(dict(skew)),
                drift_of=drift_of,
                tolerance=tolerance,
                code=code,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
