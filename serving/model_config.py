"""Which models to serve: ModelServerConfig from a file or from the flags, and what TF Serving refuses in one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tensorflow_serving.config.model_server_config_pb2 import (
    TENSORFLOW,
    ModelConfig,
    ModelServerConfig,
    ModelType,
)

from serving.errors import failed_precondition, invalid_argument
from serving.text_protos import parse_text_file

PLATFORM = "tensorflow"


def read_model_config(path: str) -> ModelServerConfig:
    """The configuration in a text file. Raises ServingError (see `parse_text_file`)."""
    return parse_text_file(path, ModelServerConfig)


def single_model_config(name: str, base_path: str) -> ModelServerConfig:
    """What `--model_name` and `--model_base_path` stand for."""
    config = ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=PLATFORM)
    return config


def check_model_config(
    config: ModelServerConfig, serving: Mapping[str, ModelConfig]
) -> dict[str, ModelConfig]:
    """The configured models by name, when `config` may follow on what is being served.

    Raises ServingError as TF Serving refuses: INVALID_ARGUMENT for models listed twice, relative base paths and
    platforms that do not exist or change; FAILED_PRECONDITION for a custom configuration.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise failed_precondition(
            "Cannot transition to requested config. It is only legal to transition "
            "from one ModelConfigList to another."
        )
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        models[model.name] = model
    for name, model in models.items():
        if not (model.base_path.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9.]*://", model.base_path)):
            raise invalid_argument(
                f"Expected model {name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
    for name, model in models.items():
        platform = model_platform(model)
        if name in serving and platform != (before := model_platform(serving[name])):
            raise invalid_argument(
                f"Illegal to change a model's platform. For model {name} platform was {before} "
                f"and new platform requested is {platform}"
            )
        if platform != PLATFORM:
            raise invalid_argument(f"Model {name} requests unsupported platform {platform}")
    return models


def model_platform(model: ModelConfig) -> str:
    """`tensorflow`, or whatever else the configuration says. Raises ServingError INVALID_ARGUMENT."""
    if not model.model_type:
        if not model.model_platform:
            raise invalid_argument(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) "
                "nor ModelServerConfig::model_platform."
            )
        return model.model_platform
    if model.model_platform:
        raise invalid_argument(
            "Illegal setting both ModelServerConfig::model_type (deprecated) "
            "and ModelServerConfig::model_platform."
        )
    if model.model_type != TENSORFLOW:
        raise invalid_argument(
            f"ModelServerConfig::model_type choice {ModelType.Name(model.model_type)} not supported."
        )
    return PLATFORM
