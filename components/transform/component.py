"""Transform as TFX has it, without its caches; of its statistics those of the first examples, after the transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import transform_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.transform.executor import Executor


class TransformSpec(types.ComponentSpec):
    """Channels of TFX's Transform, the parameters that are used of it, and the code's fingerprint."""

    PARAMETERS = {
        standard_component_specs.PREPROCESSING_FN_KEY: component_spec.ExecutionParameter(type=str),
        standard_component_specs.SPLITS_CONFIG_KEY: component_spec.ExecutionParameter(
            type=transform_pb2.SplitsConfig
        ),
        standard_component_specs.CUSTOM_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        standard_component_specs.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        standard_component_specs.TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.TransformGraph
        ),
        standard_component_specs.TRANSFORMED_EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
    }


class Transform(base_beam_component.BaseBeamComponent):
    """Analyses the `analyze` splits and writes the transform graph and the transformed `transform` splits.

    Args:
      examples: Channel of Examples.
      schema: Channel of Schema.
      preprocessing_fn: import path of the preprocessing function, `package.module.function`.
      analyze: splits that the analyzers see.
      transform: splits that are written transformed.
      custom_config: JSON-able, given to the function when it has a parameter `custom_config`.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = TransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        preprocessing_fn: str,
        analyze: Sequence[str],
        transform: Sequence[str],
        custom_config: dict[str, Any],
        code: str,
    ) -> None:
        super().__init__(
            spec=TransformSpec(
                examples=examples,
                schema=schema,
                preprocessing_fn=preprocessing_fn,
                splits_config=transform_pb2.SplitsConfig(analyze=analyze, transform=transform),
                custom_config=json_utils.dumps(custom_config),
                code=code,
                transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
                transformed_examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
