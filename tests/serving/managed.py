"""A manager of servables that need no TensorFlow, and what tests ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.errors import ServingError
from serving.manager import ModelManager
from tests.serving.fakes import FakeRunner


def config(*models: tuple[str, Path], more: str = "") -> ModelServerConfig:
    listed = ModelServerConfig()
    listed.model_config_list.SetInParent()
    for name, base_path in models:
        model = listed.model_config_list.config.add(
            name=name, base_path=str(base_path), model_platform="tensorflow"
        )
        text_format.Merge(more, model)
    return listed


def make_manager(load: Any, **options: Any) -> ModelManager:
    options = {"poll_seconds": 0.01, "load_retry_interval_micros": 1000, "max_num_load_retries": 0, **options}
    return ModelManager(load, lambda name, version, servable: FakeRunner(servable), **options)


def spec(name: str = "m", version: int | None = None, label: str | None = None) -> ModelSpec:
    model_spec = ModelSpec(name=name)
    if version is not None:
        model_spec.version.value = version
    if label is not None:
        model_spec.version_label = label
    return model_spec


def states(manager: ModelManager, name: str = "m") -> list[tuple[int, str]]:
    return [(status.version, status.state.name) for status in manager.status(spec(name))]


async def answer(manager: ModelManager, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with manager.use(spec(*args, **kwargs)) as served:
        (text,) = await served.runner.run({}, [])
        return served.version, str(text)


def refusal(manager: ModelManager, model_spec: ModelSpec) -> tuple[str, str]:
    with pytest.raises(ServingError) as error, manager.use(model_spec):
        pass
    return error.value.code.name, error.value.message
