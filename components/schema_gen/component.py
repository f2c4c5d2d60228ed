"""SchemaGen as TFX has it, told which features are numbers however few values they have."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.schema_gen.executor import NUMBERS, Executor


class SchemaGenSpec(types.ComponentSpec):
    """TFX's channels and parameters, the numbers, and the code's fingerprint."""

    PARAMETERS = {
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        NUMBERS: component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.STATISTICS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics
        )
    }
    OUTPUTS = {
        standard_component_specs.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema)
    }


class SchemaGen(base_component.BaseComponent):
    """Infers the schema of all splits; shapes are not inferred.

    TFDV takes whole numbers of which all are 0 or 1 for truth values: where all images are grey (1 channel), a colour
    image (3) would be an anomaly to a schema that was kept.

    Args:
      statistics: Channel of ExampleStatistics.
      numbers: features with whole numbers that are no truth values.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = SchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, statistics: types.BaseChannel, numbers: Sequence[str], code: str) -> None:
        super().__init__(
            spec=SchemaGenSpec(
                statistics=statistics,
                infer_feature_shape=0,
                exclude_splits=json_utils.dumps([]),
                numbers=json.dumps(list(numbers)),
                code=code,
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
