"""The GetModelMetadata RPC: the signatures of a served model."""

from __future__ import annotations

from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)

from serving.errors import invalid_argument
from serving.manager import ModelManager

SIGNATURE_DEF = "signature_def"


def get_model_metadata(manager: ModelManager, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
    """Answers a GetModelMetadataRequest; the model spec of the answer has name and version.

    Raises ServingError with TF Serving's codes and messages.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")
    response = GetModelMetadataResponse()
    signatures = SignatureDefMap()
    with manager.use(request.model_spec) as served:
        for name, signature in served.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        response.model_spec.name = served.name
        response.model_spec.version.value = served.version
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response
