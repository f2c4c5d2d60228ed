"""The gRPC services: PredictionService, ModelService, health and reflection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from serving.classify import classify
from serving.errors import ServingError
from serving.examples import example_count
from serving.health import Health
from serving.manager import ModelManager
from serving.metadata import get_model_metadata
from serving.model_service import get_model_status, handle_reload_config
from serving.multi_inference import multi_inference
from serving.predict import predict
from serving.regress import regress
from serving.telemetry import CURRENT_API, RequestRecord, Telemetry

log = logging.getLogger("serving")

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
MESSAGE_LIMIT = 1024
"""Bytes of an error's message; TF Serving cuts them too, since clients refuse large headers."""

WITH_EXAMPLES = (ClassificationRequest, RegressionRequest, MultiInferenceRequest)

ON_THE_WAY_SECONDS = 0.1
"""How long a request may have been on its way."""

Call = Callable[[Any], Awaitable[Message]]


def register(
    server: grpc.aio.Server, manager: ModelManager, telemetry: Telemetry, *, as_content: bool = False
) -> Health:
    """Adds all services to a server that is not started yet; the health, to be drained before it stops.

    `as_content`: Predict answers in `tensor_content` instead of `*_val` fields.
    """
    prediction: dict[str, tuple[type[Message], Call]] = {
        "Predict": (PredictRequest, partial(predict, manager, as_content=as_content)),
        "Classify": (ClassificationRequest, partial(classify, manager)),
        "Regress": (RegressionRequest, partial(regress, manager)),
        "MultiInference": (MultiInferenceRequest, partial(multi_inference, manager)),
        "GetModelMetadata": (GetModelMetadataRequest, _later(partial(get_model_metadata, manager))),
    }
    models: dict[str, tuple[type[Message], Call]] = {
        "GetModelStatus": (GetModelStatusRequest, _later(partial(get_model_status, manager))),
        "HandleReloadConfigRequest": (ReloadConfigRequest, partial(handle_reload_config, manager)),
    }
    for service, calls in ((PREDICTION_SERVICE, prediction), (MODEL_SERVICE, models)):
        handlers = {
            api: grpc.unary_unary_rpc_method_handler(_handler(api, request_class, call, telemetry))
            for api, (request_class, call) in calls.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    health = Health(partial(_is_serving, manager))
    add_HealthServicer_to_server(health, server)
    names = [PREDICTION_SERVICE, MODEL_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME]
    _know_services()
    reflection.enable_server_reflection(names, server)
    return health


def _know_services() -> None:
    """Puts the services into protobuf's pool, where reflection looks them up.

    The wheel's modules do so, and then fail under a newer protobuf than they were generated for.
    """
    for module in ("prediction_service_pb2", "model_service_pb2"):
        with suppress(AttributeError):
            import_module(f"tensorflow_serving.apis.{module}")


def _handler(
    api: str, request_class: type[Message], call: Call, telemetry: Telemetry
) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]:
    """Bytes in, bytes out, so that their sizes are known without serializing anything twice."""
    parse = request_class.FromString

    async def handle(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        began = time.perf_counter()
        CURRENT_API.set(api)
        version, request, answer = None, None, b""
        failure: ServingError | None = None
        status = "OK"
        try:
            request = parse(body)
            response = await call(request)
            answer = response.SerializeToString()
            version = _version(response)
            if isinstance(request, WITH_EXAMPLES):
                telemetry.examples(_model(request), example_count(request.input))
        except ServingError as error:
            failure = error
        except asyncio.CancelledError:
            status = _reason(context)
            raise
        except DecodeError:
            failure = _internal(f"the body is no {request_class.DESCRIPTOR.name}")
        except Exception:
            log.exception("%s failed", api)
            failure = _internal("internal error, see the server's log")
        finally:
            if failure is not None:
                status = failure.code.name
            seconds = time.perf_counter() - began
            sizes = (len(body), len(answer))
            telemetry.record(
                RequestRecord(api, "GRPC", _model(request), version, status, seconds, *sizes, context.peer())
            )
        if failure is not None:
            await context.abort(failure.code, _cut(failure.message))
        return answer

    return handle


def _later(call: Callable[[Any], Message]) -> Call:
    async def answer(request: Message) -> Message:
        return call(request)

    return answer


def _is_serving(manager: ModelManager, name: str) -> bool | None:
    """A model serves while one of its versions answers, predictions (and the server, "") while any model does."""
    if name == MODEL_SERVICE:
        return True
    available = manager.available()
    if name in ("", PREDICTION_SERVICE):
        return any(available.values())
    return bool(available[name]) if name in available else None


def _spec(message: Any) -> ModelSpec | None:
    """The model spec of a request or an answer, of its first part where it has several."""
    for field in ("tasks", "results"):
        if parts := getattr(message, field, None):
            return parts[0].model_spec
    return getattr(message, "model_spec", None)


def _version(response: Message) -> int | None:
    spec = _spec(response)
    return spec.version.value if spec is not None else None


def _model(request: Message | None) -> str:
    spec = _spec(request)
    return spec.name if spec is not None else ""


def _reason(context: grpc.aio.ServicerContext) -> str:
    """Why a call was cancelled: its time is over, or the client has gone.

    The client's time began before the request was here, so that it is over a little earlier.
    """
    left = context.time_remaining()
    return "DEADLINE_EXCEEDED" if left is not None and left <= ON_THE_WAY_SECONDS else "CANCELLED"


def _internal(message: str) -> ServingError:
    return ServingError(grpc.StatusCode.INTERNAL, message)


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_LIMIT:
        return message
    return encoded[:MESSAGE_LIMIT].decode(errors="ignore") + "...TRUNCATED"
