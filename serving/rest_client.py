"""A client of TF Serving's REST API, or of this project's server; imports no TensorFlow."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import grpc
import httpx
import numpy as np

from serving.client_types import Classes, ModelMetadata, RequestFailed, Signature, Tensor, VersionStatus
from serving.json_values import from_json, to_array, to_json
from serving.retries import until_available

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ABORTED,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class RestClient:
    """Asks the models of one server over HTTP.

    timeout: seconds that a call may take in all, its retries included. attempts: how often a call is sent at most
    while the server is unavailable (503, refused connection). Every call names a model and takes `version` or
    `label`, `signature` (default serving_default) and a `timeout` of its own, and raises RequestFailed.
    """

    def __init__(
        self, address: str = "http://localhost:8501", *, timeout: float = 30.0, attempts: int = 5
    ) -> None:
        self.address = address.rstrip("/")
        self.timeout = timeout
        self.attempts = attempts
        # A proxy that the environment names cannot reach a server on this machine.
        self._http = httpx.Client(trust_env=httpx.URL(address).host not in LOOPBACK)

    def __enter__(self) -> RestClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept open between calls."""
        self._http.close()

    def predict_rows(
        self,
        model: str,
        rows: Sequence[Any],
        *,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[Any]:
        """One answer per row (`instances`): a row is a dict by input name, or the value of the only input.

        Likewise an answer is a dict by output name, or the value of the only output.
        """
        body = {"instances": rows}
        answer = self._post(model, "predict", body, signature, version, label, timeout)
        return list(from_json(answer["predictions"]))

    def predict_columns(
        self,
        model: str,
        columns: Any,
        *,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Whole tensors (`inputs`): a dict by input name, or the only input; the answer likewise, as lists."""
        answer = self._post(model, "predict", {"inputs": columns}, signature, version, label, timeout)
        return from_json(answer["outputs"])

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Arrays in, arrays out, as `GrpcClient.predict`; the metadata, asked first, tells names and dtypes."""
        metadata = self.metadata(model, version=version, label=label, timeout=timeout)
        name = signature or "serving_default"
        if name not in metadata.signatures:
            raise RequestFailed(grpc.StatusCode.FAILED_PRECONDITION, f"model {model} has no signature {name}")
        outputs = metadata.signatures[name].outputs
        answer = self._post(model, "predict", {"inputs": inputs}, signature, version, label, timeout)
        # One output comes without its name.
        values = answer["outputs"] if len(outputs) > 1 else dict.fromkeys(outputs, answer["outputs"])
        return {key: to_array(values[key], tensor.dtype) for key, tensor in outputs.items()}

    def classify(
        self,
        model: str,
        examples: Sequence[Mapping[str, Any]],
        *,
        context: Mapping[str, Any] | None = None,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Classes:
        """(label, score) of each class for each example; `context` holds features that all examples share."""
        body = _examples(examples, context)
        answer = self._post(model, "classify", body, signature, version, label, timeout)
        return [[(name, score) for name, score in pairs] for pairs in answer["results"]]

    def regress(
        self,
        model: str,
        examples: Sequence[Mapping[str, Any]],
        *,
        context: Mapping[str, Any] | None = None,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[float]:
        """One number for each example."""
        body = _examples(examples, context)
        answer = self._post(model, "regress", body, signature, version, label, timeout)
        return list(answer["results"])

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> ModelMetadata:
        """The signatures, with names, dtypes and shapes of their tensors."""
        answer = self._request("GET", f"{_path(model, version, label)}/metadata", None, timeout)
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        return ModelMetadata(
            int(answer["model_spec"]["version"]),
            {name: _signature(definition) for name, definition in signatures.items()},
        )

    def status(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[VersionStatus]:
        """The state of every version that the server knows."""
        answer = self._request("GET", _path(model, version, label), None, timeout)
        return [
            VersionStatus(
                int(each["version"]),
                each["state"],
                each["status"]["error_code"],
                each["status"]["error_message"],
            )
            for each in answer["model_version_status"]
        ]

    def _post(
        self,
        model: str,
        verb: str,
        body: dict[str, Any],
        signature: str,
        version: int | None,
        label: str | None,
        timeout: float | None,
    ) -> dict[str, Any]:
        named = {"signature_name": signature, **body} if signature else body
        # Not httpx's own encoder, which refuses NaN.
        content = json.dumps(to_json(named)).encode()
        return self._request("POST", f"{_path(model, version, label)}:{verb}", content, timeout)

    def _request(
        self, method: str, path: str, content: bytes | None, timeout: float | None
    ) -> dict[str, Any]:
        def attempt(seconds: float) -> dict[str, Any]:
            return self._attempt(method, path, content, seconds)

        seconds = self.timeout if timeout is None else timeout
        return until_available(attempt, timeout=seconds, attempts=self.attempts)

    def _attempt(self, method: str, path: str, content: bytes | None, seconds: float) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        end = time.monotonic() + seconds
        body = bytearray()
        try:
            with self._http.stream(
                method, self.address + path, content=content, headers=headers, timeout=seconds
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > end:
                        raise httpx.ReadTimeout("the answer comes too slowly")
        except httpx.TimeoutException:
            raise RequestFailed(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer from {self.address} within {seconds:.3g} s"
            ) from None
        except httpx.TransportError as error:
            raise RequestFailed(grpc.StatusCode.UNAVAILABLE, f"{self.address}: {error}") from None
        return self._answer(response.status_code, bytes(body))

    def _answer(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status == httpx.codes.OK and isinstance(answer, dict):
            return answer
        if isinstance(answer, dict) and "error" in answer:
            message = str(answer["error"])
        else:
            message = f"{self.address} answered HTTP {status}, but not as a model server does"
        raise RequestFailed(CODES.get(status, grpc.StatusCode.UNKNOWN), message)


def _path(model: str, version: int | None, label: str | None) -> str:
    if version is not None and label is not None:
        raise ValueError("give version or label, not both")
    path = f"/v1/models/{quote(model, safe='')}"
    if version is not None:
        return f"{path}/versions/{version}"
    return f"{path}/labels/{quote(label, safe='')}" if label is not None else path


def _examples(examples: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"examples": examples} if context is None else {"context": context, "examples": examples}


def _signature(definition: Mapping[str, Any]) -> Signature:
    inputs, outputs = (
        {name: _tensor(tensor) for name, tensor in definition.get(side, {}).items()}
        for side in ("inputs", "outputs")
    )
    return Signature(inputs, outputs, definition.get("method_name", ""))


def _tensor(info: Mapping[str, Any]) -> Tensor:
    shape = info["tensor_shape"]
    if shape.get("unknown_rank"):
        return Tensor(info["dtype"], None)
    return Tensor(info["dtype"], tuple(int(dim["size"]) for dim in shape.get("dim", ())))
