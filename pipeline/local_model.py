"""A pushed SavedModel in this process: the answers that a server would give, without one."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import BadInput
from pipeline import logs
from pipeline.model_inputs import Row
from pipeline.wording import display
from serving.client_types import Signature, Tensor
from serving.json_values import DTYPES

PLACES = ("Graph execution error", "Detected at node", "File ", "<stack traces unavailable>", "[[{{")


class LocalModel:
    """One version, loaded with TensorFlow. Raises BadInput when it is no SavedModel."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        # TensorFlow's notes on the machine's instructions and missing devices tell nothing about the answers.
        with logs.redirected(Path(os.devnull)):
            import tensorflow as tf
            import tensorflow_text  # noqa: F401 registers the operations of subword tokenizers

            from serving.grpc_client import signature_of

            try:
                self._loaded = tf.saved_model.load(str(folder))
                definitions = _signature_defs(folder)
            except (OSError, ValueError, tf.errors.OpError) as error:
                raise BadInput(
                    f"{display(folder)}: cannot be loaded as a SavedModel: {_reason(error)}"
                ) from None
        self.signatures: Mapping[str, Signature] = {
            key: signature_of(definitions[key]) for key in self._loaded.signatures
        }

    def predict(self, rows: Sequence[Row], signature: str) -> list[Row]:
        """Output name -> value for each row. Raises BadInput for what the model does not take."""
        import tensorflow as tf

        definition = self.signatures[signature]
        feeds = {
            name: tf.constant(array(name, [row[name] for row in rows], tensor))
            for name, tensor in definition.inputs.items()
        }
        try:
            with logs.redirected(Path(os.devnull)):
                answer = self._loaded.signatures[signature](**feeds)
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise BadInput(f"{self.name}: {_reason(error)}") from None
        outputs = {name: np.asarray(value.numpy()) for name, value in answer.items()}
        for name, values in outputs.items():
            if values.shape[:1] != (len(rows),):
                raise BadInput(
                    f"{self.name}: output {name} of {signature} has shape {list(values.shape)}, not one value for"
                    f" each of the {len(rows)} rows"
                )
        listed = {name: strings(values.tolist()) for name, values in outputs.items()}
        return [{name: values[i] for name, values in listed.items()} for i in range(len(rows))]


def _signature_defs(folder: Path) -> Mapping[str, Any]:
    from tensorflow.core.protobuf import saved_model_pb2

    parsed = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return next(graph.signature_def for graph in parsed.meta_graphs if "serve" in graph.meta_info_def.tags)


def array(name: str, values: list[Any], tensor: Tensor) -> np.ndarray:
    """Return the values of one input, one of each row, in its dtype. Raises BadInput."""
    dtype = DTYPES.get(tensor.dtype)
    if dtype is None:
        raise BadInput(f"input {name} is {tensor.dtype}, which JSON does not hold")
    try:
        plain = np.array(_encoded(values), object) if dtype is object else np.asarray(values)
    except ValueError:
        raise BadInput(f"input {name}: the examples differ in their shape") from None
    if tensor.shape is not None and plain.ndim != len(tensor.shape):
        deep = len(tensor.shape) - 1
        wanted = f"a list {deep} deep" if deep else "one value"
        raise BadInput(f"input {name} takes {wanted} of each row, got {values[0]!r}")
    if dtype is object:
        return plain
    if not np.can_cast(plain.dtype, dtype, casting="same_kind"):
        wrong = next(v for v in values if not np.can_cast(np.asarray(v).dtype, dtype, casting="same_kind"))
        raise BadInput(f"input {name} takes {tensor.dtype.removeprefix('DT_').lower()}, got {wrong!r}")
    return plain.astype(dtype)


def _encoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return base64.b64decode(value["b64"])
    return value.encode("utf-8") if isinstance(value, str) else value


def strings(value: Any) -> Any:
    """Return nested lists whose bytes have become text where they are UTF-8, as over REST."""
    if isinstance(value, list):
        return [strings(item) for item in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _reason(error: Exception) -> str:
    """The line of an error of TensorFlow that says what is wrong, without the place in the graph."""
    message = getattr(error, "message", None) or str(error)
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if line and not line.startswith(PLACES)), type(error).__name__)
