"""A client of TF Serving's gRPC API, or of this project's server; imports TensorFlow with the first client."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import numpy as np

from serving.client_types import Classes, ModelMetadata, RequestFailed, Signature, Tensor, VersionStatus
from serving.retries import until_available

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # How long a channel waits before it connects anew; by default that grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
LOOPBACK = ("localhost:", "127.0.0.1:", "[::1]:", "unix:")


class GrpcClient:
    """Asks the models of one server over gRPC.

    timeout: seconds that a call may take in all, its retries included. attempts: how often a call is sent at most
    while the server is unavailable. credentials: for a server behind TLS.
    Every call names a model and takes `version` or `label`, `signature` (default serving_default) and a `timeout`
    of its own, and raises RequestFailed.
    """

    def __init__(
        self,
        address: str = "localhost:8500",
        *,
        timeout: float = 30.0,
        attempts: int = 5,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.attempts = attempts
        # A proxy that the environment names cannot reach a server on this machine.
        options = [*OPTIONS, ("grpc.enable_http_proxy", 0)] if address.startswith(LOOPBACK) else OPTIONS
        self._channel = (
            grpc.secure_channel(address, credentials, options)
            if credentials
            else grpc.insecure_channel(address, options)
        )
        self._prediction = _apis("prediction_service_pb2_grpc").PredictionServiceStub(self._channel)
        self._models = _apis("model_service_pb2_grpc").ModelServiceStub(self._channel)

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] = (),
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Arrays in, arrays out; strings are object arrays of bytes. `outputs`: only these (default: all).

        An array's dtype has to be the input's: Python numbers become float32 and int32, as in TensorFlow.
        """
        import tensorflow as tf

        request = _apis("predict_pb2").PredictRequest(output_filter=outputs)
        _specify(request.model_spec, model, signature, version, label)
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        response = self._call(self._prediction.Predict, request, timeout)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

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
        request = _apis("classification_pb2").ClassificationRequest()
        _specify(request.model_spec, model, signature, version, label)
        _fill(request.input, examples, context)
        result = self._call(self._prediction.Classify, request, timeout).result
        return [[(each.label, each.score) for each in found.classes] for found in result.classifications]

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
        request = _apis("regression_pb2").RegressionRequest()
        _specify(request.model_spec, model, signature, version, label)
        _fill(request.input, examples, context)
        result = self._call(self._prediction.Regress, request, timeout).result
        return [each.value for each in result.regressions]

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> ModelMetadata:
        """The signatures, with names, dtypes and shapes of their tensors."""
        messages = _apis("get_model_metadata_pb2")
        request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
        _specify(request.model_spec, model, "", version, label)
        response = self._call(self._prediction.GetModelMetadata, request, timeout)
        found = messages.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return ModelMetadata(
            response.model_spec.version.value,
            {name: signature_of(definition) for name, definition in found.signature_def.items()},
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
        from tensorflow.core.protobuf import error_codes_pb2

        messages = _apis("get_model_status_pb2")
        request = messages.GetModelStatusRequest()
        _specify(request.model_spec, model, "", version, label)
        response = self._call(self._models.GetModelStatus, request, timeout)
        return [
            VersionStatus(
                each.version,
                messages.ModelVersionStatus.State.Name(each.state),
                error_codes_pb2.Code.Name(each.status.error_code),
                each.status.error_message,
            )
            for each in response.model_version_status
        ]

    def _call(self, method: Callable[..., Any], request: Any, timeout: float | None) -> Any:
        def attempt(seconds: float) -> Any:
            try:
                return method(request, timeout=seconds)
            except grpc.RpcError as error:
                raise RequestFailed(error.code(), error.details() or "") from None

        seconds = self.timeout if timeout is None else timeout
        return until_available(attempt, timeout=seconds, attempts=self.attempts)


def signature_of(definition: Any) -> Signature:
    """A SignatureDef as the client tells of it."""
    inputs, outputs = (
        {name: _tensor(info) for name, info in side.items()}
        for side in (definition.inputs, definition.outputs)
    )
    return Signature(inputs, outputs, definition.method_name)


def _tensor(info: Any) -> Tensor:
    from tensorflow.core.framework import types_pb2

    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return Tensor(types_pb2.DataType.Name(info.dtype), sizes)


def _apis(module: str) -> Any:
    """A module of the stubs, which import the whole of TensorFlow."""
    return importlib.import_module(f"tensorflow_serving.apis.{module}")


def _specify(spec: Any, model: str, signature: str, version: int | None, label: str | None) -> None:
    if version is not None and label is not None:
        raise ValueError("give version or label, not both")
    spec.name = model
    spec.signature_name = signature
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label


def _fill(target: Any, examples: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None) -> None:
    filled = target.example_list if context is None else target.example_list_with_context
    filled.examples.extend(to_example(features) for features in examples)
    if context is not None:
        filled.context.CopyFrom(to_example(context))


def to_example(features: Mapping[str, Any]) -> Any:
    """A tf.Example: one value or a list per feature; whole numbers and bools become int64, strings bytes.

    Raises TypeError for a value that is no number, string or bytes.
    """
    from tensorflow.core.example import example_pb2

    example = example_pb2.Example()
    for name, value in features.items():
        feature = example.features.feature[name]
        values = np.atleast_1d(np.asarray(value, object)).ravel().tolist()
        if all(isinstance(item, (str, bytes)) for item in values):
            feature.bytes_list.value.extend(
                item.encode() if isinstance(item, str) else item for item in values
            )
        elif all(isinstance(item, (bool, int, np.integer, np.bool_)) for item in values):
            feature.int64_list.value.extend(int(item) for item in values)
        elif all(isinstance(item, (int, float, np.integer, np.floating)) for item in values):
            feature.float_list.value.extend(float(item) for item in values)
        else:
            raise TypeError(
                f"feature {name!r}: {value!r} is no number, string or bytes, nor a list of one kind"
            )
    return example
