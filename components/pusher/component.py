"""Pusher that writes integer versions atomically and keeps the last N."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.model_optimizer.artifact import EdgeModel
from components.pusher.executor import Executor


class PusherSpec(types.ComponentSpec):
    """Model and blessings in, the pushed version out."""

    PARAMETERS = {
        "directory": component_spec.ExecutionParameter(type=str),
        "keep": component_spec.ExecutionParameter(type=int),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing, optional=True
        ),
        "edge_model": component_spec.ChannelParameter(type=EdgeModel, optional=True),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Copies a blessed model to `directory/<version>`, where TF Serving picks it up.

    Args:
      model: Channel of the Model.
      model_blessing: Channel of the Evaluator's ModelBlessing; without a blessing nothing is pushed.
      infra_blessing: Channel of an InfraBlessing that must hold as well, if given; the model with warm-up requests in
        it (`has_model`) is what is pushed.
      edge_model: Channel of an EdgeModel whose forms go into `assets.extra/edge` of the version, if given.
      directory: base folder of the versions.
      keep: how many of the latest versions stay.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        directory: str,
        keep: int,
        code: str,
        infra_blessing: types.BaseChannel | None = None,
        edge_model: types.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            spec=PusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                edge_model=edge_model,
                directory=directory,
                keep=keep,
                code=code,
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
