"""Where gRPC listens, and with which channel arguments."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from common.errors import BadInput
from serving.grpc_server import INT32_MAX, make_grpc_server, parse_channel_arguments
from serving.grpc_service import register
from tests.serving.grpc_api import SECONDS, Api, half


def test_the_unix_socket_answers_too(api: Api):
    with grpc.insecure_channel(f"unix:{api.socket}") as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(half(), timeout=SECONDS)
    assert list(answer.outputs["y"].float_val) == [3.0]


def test_channel_arguments_are_numbers_or_text():
    text = "grpc.max_connection_age_ms=2000,grpc.lb_policy_name=x=y,grpc.big=99999999999,grpc.low=-5"
    assert parse_channel_arguments(text) == [
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.lb_policy_name", "x=y"),
        ("grpc.big", "99999999999"),
        ("grpc.low", -5),
    ]
    assert parse_channel_arguments("") == []
    with pytest.raises(BadInput, match=r"'grpc\.max_connection_age_ms' is not key=value"):
        parse_channel_arguments("grpc.max_connection_age_ms")


def test_channel_arguments_hold(api: Api, tmp_path: Path):
    async def ask() -> grpc.StatusCode:
        path = tmp_path / "small.sock"
        server = make_grpc_server([], str(path), "grpc.max_receive_message_length=100")
        register(server, api.manager, api.telemetry)
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(
                half("tf2", *range(100))
            )
            code = await call.code()
        await server.stop(None)
        return code

    assert api.loop.run(ask()) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert INT32_MAX == 2147483647


@pytest.mark.parametrize("address", ["taken", "no-such-host.invalid:1"])
def test_an_address_that_cannot_be_had_is_one_clear_error(api: Api, address: str):
    if address == "taken":
        address = f"localhost:{api.port}"

    async def bind() -> None:
        make_grpc_server([address])

    with pytest.raises(BadInput, match=f"gRPC cannot listen at {address}: is it in use"):
        api.loop.run(bind())


def test_a_socket_path_that_is_too_long(api: Api, tmp_path: Path):
    async def bind() -> None:
        make_grpc_server([], str(tmp_path / ("s" * 120)))

    with pytest.raises(BadInput, match="gRPC cannot listen at the UNIX socket"):
        api.loop.run(bind())
