"""Questions about models over gRPC: metadata, and the ModelService."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from tests.serving.grpc_api import CLASSIFY, SECONDS, VERSION, Api, refusal, spec


def test_metadata(api: Api):
    sent = GetModelMetadataRequest(model_spec=spec("half_plus_two"), metadata_field=["signature_def"])
    answer = api.prediction.GetModelMetadata(sent, timeout=SECONDS)
    assert answer.model_spec == spec("half_plus_two", version=VERSION)
    signatures = SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["classify_x_to_y"].method_name == CLASSIFY
    assert len(signatures.signature_def) == 6


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (GetModelMetadataRequest(metadata_field=["signature_def"]), "Missing ModelSpec"),
        (
            GetModelMetadataRequest(model_spec=spec("tf2")),
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            GetModelMetadataRequest(model_spec=spec("tf2"), metadata_field=["signature_def", "weights"]),
            "Metadata field weights is not supported",
        ),
    ],
)
def test_metadata_that_is_not_there(api: Api, sent: GetModelMetadataRequest, message: str):
    assert refusal(api.prediction.GetModelMetadata, sent) == ("INVALID_ARGUMENT", message)


def test_the_model_service(api: Api):
    status = api.model.GetModelStatus(GetModelStatusRequest(model_spec=spec("tf2")), timeout=SECONDS)
    assert [(each.version, each.state) for each in status.model_version_status] == [
        (VERSION, ModelVersionStatus.AVAILABLE)
    ]
    assert api.telemetry.last()[:3] == ("GetModelStatus", "GRPC", "tf2")
    code, message = refusal(api.model.HandleReloadConfigRequest, ReloadConfigRequest())
    assert (code, message[:30]) == ("INVALID_ARGUMENT", "ServerModelConfig type not sup")
