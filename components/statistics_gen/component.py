"""StatisticsGen as TFX has it, without options."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.statistics_gen.executor import Executor


class StatisticsGenSpec(types.ComponentSpec):
    """TFX's channels, and the code's fingerprint."""

    PARAMETERS = {"code": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        )
    }
    OUTPUTS = {
        standard_component_specs.STATISTICS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics
        )
    }


class StatisticsGen(base_beam_component.BaseBeamComponent):
    """Statistics of every split, as TFDV computes them by default.

    Args:
      examples: Channel of Examples.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: types.BaseChannel, code: str) -> None:
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                code=code,
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
