"""Component between Transform and Trainer: from texts to pairs of words."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.word_pairs.executor import Executor

TRANSFORMED = standard_component_specs.EXAMPLES_KEY
TRANSFORM_GRAPH = standard_component_specs.TRANSFORM_GRAPH_KEY


class WordPairsSpec(types.ComponentSpec):
    """Channels, what makes the pairs, and the code's fingerprint."""

    PARAMETERS = {
        "pairs_fn": component_spec.ExecutionParameter(type=str),
        "seed": component_spec.ExecutionParameter(type=int),
        standard_component_specs.CUSTOM_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        TRANSFORMED: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        TRANSFORM_GRAPH: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
    }
    OUTPUTS = {"pairs": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class WordPairs(base_beam_component.BaseBeamComponent):
    """Writes the pairs of every split as an Examples artifact of few large tf.Examples.

    An example holds up to 65,536 pairs as columns: `centres` and `contexts` int64, and `weights` float32 where equal
    pairs are added up. The splits are those of the examples; without a pair a split has no file.

    Args:
      examples: Channel of Examples, transformed.
      transform_graph: Channel of TransformGraph.
      pairs_fn: import path; called with (transform graph's folder, custom_config, split) it gives what is called with
        (serialized examples, numpy's random generator) and gives centres int32 [N], contexts int32 [N] and weights
        float32 [N]; its attribute `summed` says whether equal pairs are added up.
      seed: of all that is drawn; the same seed and examples give the same pairs in the same order.
      custom_config: JSON-able, given to the function.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = WordPairsSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        pairs_fn: str,
        seed: int,
        custom_config: dict[str, Any],
        code: str,
    ) -> None:
        super().__init__(
            WordPairsSpec(
                examples=examples,
                transform_graph=transform_graph,
                pairs_fn=pairs_fn,
                seed=seed,
                custom_config=json_utils.dumps(custom_config),
                code=code,
                pairs=types.Channel(type=standard_artifacts.Examples),
            )
        )
