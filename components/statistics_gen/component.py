"""StatisticsGen as TFX has it; its one option is which features are images."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.statistics_gen.executor import IMAGES, Executor


class StatisticsGenSpec(types.ComponentSpec):
    """TFX's channels, the features that are images, and the code's fingerprint."""

    PARAMETERS = {
        "code": component_spec.ExecutionParameter(type=str),
        IMAGES: component_spec.ExecutionParameter(type=str, optional=True),
    }
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
      images: features that hold encoded images: their sizes in bytes are told, and not their most frequent values.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: types.BaseChannel, code: str, images: Sequence[str] = ()) -> None:
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                code=code,
                images=json.dumps(list(images)) if images else None,
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
