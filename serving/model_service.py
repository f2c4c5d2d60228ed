"""The ModelService: status of models, and new configurations."""

from __future__ import annotations

import logging

from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, GetModelStatusResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse

from serving.errors import ServingError, invalid_argument
from serving.manager import ModelManager

log = logging.getLogger(__name__)


def get_model_status(manager: ModelManager, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """State and error of the versions of a model, newest first, or of the version that the request names.

    Raises ServingError: INVALID_ARGUMENT without a model spec, NOT_FOUND for a model or version that never was.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    response = GetModelStatusResponse()
    for status in manager.status(request.model_spec):
        version = response.model_version_status.add(version=status.version, state=int(status.state))
        version.status.error_code = status.code.value[0]
        version.status.error_message = status.message
    return response


async def handle_reload_config(manager: ModelManager, request: ReloadConfigRequest) -> ReloadConfigResponse:
    """Serves what the request lists, and nothing else; returns once new models answer.

    Raises ServingError (see `ModelManager.reload`).
    """
    if request.config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    for index, model in enumerate(request.config.model_config_list.config):
        log.info(
            "Config entry %d: path %s, name %s, platform %s",
            index,
            model.base_path,
            model.name,
            model.model_platform,
        )
    try:
        await manager.reload(request.config)
    except ServingError as error:
        log.error("ReloadConfig failed: %s", error.message)
        raise
    response = ReloadConfigResponse()
    response.status.error_code = 0
    return response
