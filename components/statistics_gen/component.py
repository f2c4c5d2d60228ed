"""StatisticsGen as TFX has it; its one option is which features are opaque."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.statistics_gen.executor import OPAQUE, TEXTS, Executor


class StatisticsGenSpec(types.ComponentSpec):
    """TFX's channels, the opaque features, and the code's fingerprint."""

    PARAMETERS = {
        "code": component_spec.ExecutionParameter(type=str),
        OPAQUE: component_spec.ExecutionParameter(type=str, optional=True),
        TEXTS: component_spec.ExecutionParameter(type=str, optional=True),
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
      opaque: features such as encoded images, or a name that every example has to itself: their sizes in bytes are
        told, not their values, and no schema is inferred that lists those.
      texts: features that are opaque in this way, and whose lengths in characters and words are told beside (in this
        process; Beam's workers leave them out).
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self, examples: types.BaseChannel, code: str, opaque: Sequence[str] = (), texts: Sequence[str] = ()
    ) -> None:
        super().__init__(
            spec=StatisticsGenSpec(
                examples=examples,
                code=code,
                opaque=json.dumps(list(opaque)) if opaque else None,
                texts=json.dumps(list(texts)) if texts else None,
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
