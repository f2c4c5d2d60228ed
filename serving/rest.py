"""TF Serving's REST API as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import numpy as np
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from serving.classify import classify
from serving.errors import ServingError, invalid_argument
from serving.inference import DEFAULT_SIGNATURE, Served, predict_arrays
from serving.json_document import parse_object
from serving.json_examples import fill_input
from serving.json_results import (
    classification_json,
    columns_json,
    error_json,
    metadata_json,
    regression_json,
    rows_json,
    status_json,
)
from serving.json_tensors import arrays_of_body, is_in_rows, signature_name
from serving.metadata import get_model_metadata
from serving.metrics import CONTENT_TYPE
from serving.model_service import get_model_status
from serving.plans import plan_of
from serving.regress import regress
from serving.rest_body import Body, ClientGone, Receive, Room
from serving.rest_errors import http_status
from serving.rest_routes import find_route
from serving.telemetry import RequestRecord

if TYPE_CHECKING:
    from serving.manager import ModelManager
    from serving.telemetry import Telemetry

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")

logger = logging.getLogger(__name__)

LARGE_BYTES = 2**16
"""Bodies and answers from this size on are converted in a thread."""

HUGE_BYTES = 2**23
"""Of bodies and answers from this size on only `HUGE_AT_ONCE` are converted at once: each takes many times its size."""

HUGE_AT_ONCE = 2

BODIES_AT_ONCE = 4
"""How many bodies of the largest size may be held at once, and up to how many times that size is read of a refused one."""

JSON = b"application/json"


def make_app(
    manager: ModelManager,
    telemetry: Telemetry,
    *,
    timeout_seconds: float | None = 30.0,
    metrics_path: str | None = None,
    max_body_bytes: int = 256 * 2**20,
) -> App:
    """The REST API of the manager's models.

    timeout_seconds: how long a request may take once its body is here, None: for ever. metrics_path:
    where the metrics are read, None: nowhere. max_body_bytes: limit of a body, packed and unpacked.
    """
    api = RestApi(manager, timeout_seconds if timeout_seconds and timeout_seconds > 0 else None)

    room = Room(BODIES_AT_ONCE * max_body_bytes)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        method = scope["method"]
        raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        if metrics_path is not None and raw_path == metrics_path and method in ("GET", "HEAD"):
            await respond(send, 200, CONTENT_TYPE.encode(), telemetry.exposition())
            return
        query = scope["query_string"].decode("latin-1")
        call = Call()
        body = Body(receive, room)
        try:
            call.api, spec = find_route(method, f"{raw_path}?{query}" if query else raw_path)
            call.model = spec.name
            content = await body.read(scope["headers"], max_body_bytes)
            call.request_bytes = len(content)
            start = time.perf_counter()  # how long the client took to send it is not the server's doing
            answer = await api.answer(call, spec, content)
            status, code = 200, "OK"
        except ClientGone:
            return
        except ServingError as error:
            answer, status, code = error_json(error.message), http_status(error), error.code.name
        except asyncio.TimeoutError:
            answer, status = error_json("Timed out waiting for notification"), 504
            code = grpc.StatusCode.DEADLINE_EXCEEDED.name
        except MemoryError:
            answer, status = error_json("Out of memory"), 429
            code = grpc.StatusCode.RESOURCE_EXHAUSTED.name
        except Exception:
            logger.exception("a request to %s of %r failed", call.api, call.model)
            answer, status, code = error_json("Internal error"), 500, grpc.StatusCode.INTERNAL.name
        finally:
            body.close()
        client = scope.get("client")
        telemetry.record(
            RequestRecord(
                call.api,
                "REST",
                call.model,
                call.version,
                code,
                time.perf_counter() - start,
                call.request_bytes,
                len(answer),
                f"{client[0]}:{client[1]}" if client else "",
            )
        )
        await respond(
            send,
            status,
            JSON,
            answer,
            closes=not await _rest_read(scope, body, BODIES_AT_ONCE * max_body_bytes),
        )

    return app


class Call:
    """What is known of a request so far, for its record."""

    api = ""
    model = ""
    version: int | None = None
    request_bytes = 0


class RestApi:
    """The calls themselves: from a body to a body."""

    def __init__(self, manager: ModelManager, timeout_seconds: float | None) -> None:
        self._manager = manager
        self._timeout_seconds = timeout_seconds
        self._huge = asyncio.Semaphore(HUGE_AT_ONCE)
        self._calls: dict[str, Callable[[Call, ModelSpec, bytes], Awaitable[bytes]]] = {
            "Predict": self._predict,
            "Classify": self._classify,
            "Regress": self._regress,
            "GetModelStatus": self._status,
            "GetModelMetadata": self._metadata,
        }

    async def answer(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        """The answer's body. Raises ServingError, and TimeoutError after the time that a call may take."""
        return await _within(self._timeout_seconds, self._calls[call.api](call, spec, body))

    async def _predict(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        size = len(body)
        document = await self._converted(size, partial(parse_object, in_pieces=True), body)
        name = signature_name(document) or DEFAULT_SIGNATURE
        with self._manager.use(spec) as served:
            call.version = served.version
            dtypes = _input_dtypes(served, name)
            inputs = await self._converted(size, arrays_of_body, body, document, dtypes)
            to_json = rows_json if is_in_rows(document) else columns_json
            del document
            outputs = await predict_arrays(served, name, inputs)
        return await self._converted(_bytes_of(outputs), to_json, outputs)

    async def _classify(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        request = ClassificationRequest(model_spec=spec)
        await self._converted(len(body), _fill, request, body)
        response = await classify(self._manager, request)
        call.version = response.model_spec.version.value
        return await self._converted(response.ByteSize(), classification_json, response.result)

    async def _regress(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        request = RegressionRequest(model_spec=spec)
        await self._converted(len(body), _fill, request, body)
        response = await regress(self._manager, request)
        call.version = response.model_spec.version.value
        return await self._converted(response.ByteSize(), regression_json, response.result)

    async def _status(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        return status_json(get_model_status(self._manager, GetModelStatusRequest(model_spec=spec)))

    async def _metadata(self, call: Call, spec: ModelSpec, body: bytes) -> bytes:
        request = GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = get_model_metadata(self._manager, request)
        call.version = response.model_spec.version.value
        return metadata_json(response)

    async def _converted(self, size: int, convert: Callable[..., T], *arguments: Any) -> T:
        """Converts on the loop what is small, in a thread what would hold it up."""
        if size < LARGE_BYTES:
            return convert(*arguments)
        if size < HUGE_BYTES:
            return await asyncio.to_thread(convert, *arguments)
        async with self._huge:
            return await asyncio.to_thread(convert, *arguments)


async def respond(send: Send, status: int, content_type: bytes, body: bytes, *, closes: bool = False) -> None:
    """Sends a whole response; `closes` ends the connection after it."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _input_dtypes(served: Served, name: str) -> Mapping[str, int]:
    if name not in served.signatures:
        raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
    return plan_of(served.runner, served.signatures, name).kinds


def _fill(request: ClassificationRequest | RegressionRequest, body: bytes) -> None:
    document = parse_object(body)
    request.model_spec.signature_name = signature_name(document)
    fill_input(document, request.input)


def _bytes_of(outputs: Mapping[str, np.ndarray]) -> int:
    return sum(
        sum(map(len, array.flat)) if array.dtype.kind == "O" else array.nbytes for array in outputs.values()
    )


async def _rest_read(scope: Scope, body: Body, most: int) -> bool:
    """Reads what a refused request still sends; False when the connection has to end because that is too much.

    A client that holds its body back until it is asked for (`Expect: 100-continue`) is not asked.
    """
    try:
        return body.complete or (not _waits_for_continue(scope) and await body.discard(most))
    except ClientGone:
        return False


def _waits_for_continue(scope: Scope) -> bool:
    return any(name == b"expect" for name, _ in scope["headers"])


async def _within(seconds: float | None, work: Awaitable[T]) -> T:
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(work, seconds)
    async with asyncio.timeout(seconds):
        return await work
