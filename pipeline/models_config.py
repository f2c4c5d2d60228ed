"""TF Serving's configuration of what it serves, for pushed models."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from pipeline.served import Served


def text(models: Sequence[Served], num_versions: int, base_path: str = "") -> str:
    """A ModelServerConfig as protobuf text: the latest `num_versions` of each model.

    The models' folders of versions lie below `base_path`, by default where they were pushed.
    """
    config = model_server_config_pb2.ModelServerConfig()
    for model in models:
        each = config.model_config_list.config.add()
        each.name = model.name
        each.base_path = f"{base_path}/{model.name}" if base_path else str(model.folder)
        each.model_platform = "tensorflow"
        each.model_version_policy.latest.num_versions = num_versions
    return str(text_format.MessageToString(config))
