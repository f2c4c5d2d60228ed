"""Calls that end otherwise than with an answer: faults, deadlines, clients that leave."""

from __future__ import annotations

import logging

import grpc
import pytest

from serving.grpc_service import MESSAGE_LIMIT
from tests.serving.grpc_api import SECONDS, Api, half, refusal


def test_long_messages_are_cut(api: Api):
    name = "m" * 5000
    code, message = refusal(api.prediction.Predict, half(name))
    assert code == "NOT_FOUND"
    assert message == f"Servable not found for request: Latest({name})"[:MESSAGE_LIMIT] + "...TRUNCATED"


def test_a_body_that_is_no_message(api: Api):
    call = api.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert refusal(call, b"\xff\xff\xff") == ("INTERNAL", "the body is no PredictRequest")
    assert api.telemetry.last().status == "INTERNAL"


def test_a_bug_is_logged_and_tells_the_client_nothing(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(api.manager, "use", fail)
    with caplog.at_level(logging.ERROR, logger="serving"):
        assert refusal(api.prediction.Predict, half()) == ("INTERNAL", "internal error, see the server's log")
    assert "secret" in caplog.text


def test_a_call_past_its_deadline_is_cancelled(api: Api):
    api.waiting.started.clear()
    api.waiting.cancelled.clear()
    with pytest.raises(grpc.RpcError) as error:
        api.prediction.Predict(half("waiting"), timeout=0.3)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert api.waiting.cancelled.wait(SECONDS)
    record = api.telemetry.last()
    assert (record.model, record.status) == ("waiting", "DEADLINE_EXCEEDED")


def test_a_client_that_leaves_cancels_its_call(api: Api):
    api.waiting.started.clear()
    api.waiting.cancelled.clear()
    future = api.prediction.Predict.future(half("waiting"), timeout=SECONDS)
    assert api.waiting.started.wait(SECONDS)
    future.cancel()
    assert api.waiting.cancelled.wait(SECONDS)
    assert api.telemetry.last().status == "CANCELLED"
