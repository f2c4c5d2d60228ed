"""Clients of a model server over REST and gRPC, for TF Serving and for this project's server alike.

RestClient imports no TensorFlow; GrpcClient does when one is made, as its stubs need it.
"""

from __future__ import annotations

from serving.client_types import ModelMetadata, RequestFailed, Signature, Tensor, VersionStatus
from serving.grpc_client import GrpcClient
from serving.rest_client import RestClient

__all__ = [
    "GrpcClient",
    "ModelMetadata",
    "RequestFailed",
    "RestClient",
    "Signature",
    "Tensor",
    "VersionStatus",
]
