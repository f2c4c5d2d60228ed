"""The health service: of services, of models, and while the server drains."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.health import Health
from tests.serving.grpc_api import SECONDS, Api


def health_of(channel: grpc.Channel, service: str) -> int:
    sent = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(channel).Check(sent, timeout=SECONDS).status


def test_health_by_service_and_by_model(api: Api):
    for service in (
        "",
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "tf2",
    ):
        assert health_of(api.channel, service) == health_pb2.HealthCheckResponse.SERVING, service
    with pytest.raises(grpc.RpcError) as error:
        health_of(api.channel, "absent")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_follows_what_is_served_until_it_drains():
    serving: dict[str, bool] = {"m": False}

    async def watched() -> list[str]:
        health = Health(serving.get)
        seen = []
        async for answer in health.Watch(health_pb2.HealthCheckRequest(service="m"), None):
            seen.append(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
            if len(seen) == 1:
                serving["m"] = True
            elif len(seen) == 2:
                del serving["m"]
            elif len(seen) == 3:
                serving["m"] = True
            else:
                health.drain()
        return seen

    assert asyncio.run(asyncio.wait_for(watched(), SECONDS)) == [
        "NOT_SERVING",
        "SERVING",
        "SERVICE_UNKNOWN",
        "SERVING",
        "NOT_SERVING",
    ]
