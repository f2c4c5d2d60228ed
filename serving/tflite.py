"""A TensorFlow Lite model as a servable: several interpreters, because one answers one request at a time."""

from __future__ import annotations

import queue
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.errors import ServingError, invalid_argument
from serving.shapes import Shape, fits
from serving.tflite_metadata import read_signature_def

TFLITE_FILE = "model.tflite"
DEFAULT_SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"

# What it recommends instead is no part of TensorFlow's wheel.
warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")


class Slot(NamedTuple):
    """Where a tensor of a signature is found: under a key in one signature, or by index in the main graph."""

    signature: str | None
    name: str
    position: int


def load_tflite(path: Path, pools: int = 1) -> TfLite:
    """Loads `model.tflite` of a version folder, with `pools` interpreters of one thread each.

    Signatures: those of the file; those that TF Serving's converter put into its metadata; or, in a file without
    any, `serving_default` with the names of the tensors. Raises ServingError NOT_FOUND or INVALID_ARGUMENT.
    """
    file = path / TFLITE_FILE
    if not file.is_file():
        raise ServingError(
            grpc.StatusCode.NOT_FOUND, f"Could not find {TFLITE_FILE} at supplied path: {path}"
        )
    try:
        interpreters = [tf.lite.Interpreter(str(file), num_threads=1) for _ in range(max(pools, 1))]
        for interpreter in interpreters:
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise invalid_argument(f"Cannot build an interpreter from {file}: {error}") from None
    return TfLite(interpreters, read_signature_def(file))


class TfLite:
    """One loaded TensorFlow Lite model."""

    def __init__(self, interpreters: Sequence[Any], metadata: SignatureDef | None) -> None:
        self._slots: dict[str, Slot] = {}
        self._shapes: dict[str, Shape] = {}
        self.signatures: Mapping[str, SignatureDef] = self._signatures(interpreters[0], metadata)
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        for interpreter in interpreters:
            self._idle.put(interpreter)

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """See `Servable.run`. The inputs' shapes may be others than in the file, where the operations allow it."""
        slots = {name: self._slot(name) for name in (*feeds, *fetches)}
        interpreter = self._idle.get()
        try:
            return _invoke(
                interpreter,
                {slots[name]: value for name, value in feeds.items()},
                [slots[n] for n in fetches],
            )
        except ValueError as error:
            raise invalid_argument(str(error)) from None
        except RuntimeError as error:
            ours = all(fits(self._shapes[name], value.shape) for name, value in feeds.items())
            code = grpc.StatusCode.INTERNAL if ours else grpc.StatusCode.INVALID_ARGUMENT
            raise ServingError(code, f"Failed to run interpreter: {error}") from None
        finally:
            self._idle.put(interpreter)

    def close(self) -> None:
        """Frees the interpreters."""
        while not self._idle.empty():
            self._idle.get()

    def _slot(self, name: str) -> Slot:
        try:
            return self._slots[name]
        except KeyError:
            raise invalid_argument(f"Missing TFLite tensor: {name}") from None

    def _signatures(self, interpreter: Any, metadata: SignatureDef | None) -> dict[str, SignatureDef]:
        if metadata is None and (keys := list(interpreter.get_signature_list())):
            return {key: self._runner_signature(key, interpreter.get_signature_runner(key)) for key in keys}
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        signature = SignatureDef(method_name=metadata.method_name if metadata else PREDICT)
        for infos, details, listed in (
            (signature.inputs, inputs, metadata.inputs if metadata else {}),
            (signature.outputs, outputs, metadata.outputs if metadata else {}),
        ):
            aliases = {info.name.partition(":")[0]: alias for alias, info in listed.items()}
            for tensor in details:
                name = tensor["name"]
                if metadata and name not in aliases:
                    raise invalid_argument(f"Cannot find signature def name from tflite tensor {name}")
                self._add(infos[aliases.get(name, name)], tensor, name, Slot(None, name, tensor["index"]))
        return {DEFAULT_SIGNATURE: signature}

    def _runner_signature(self, key: str, runner: Any) -> SignatureDef:
        signature = SignatureDef(method_name=PREDICT)
        for infos, details in (
            (signature.inputs, runner.get_input_details()),
            (signature.outputs, runner.get_output_details()),
        ):
            for alias, tensor in details.items():
                self._add(infos[alias], tensor, f"{key}_{alias}:0", Slot(key, alias, tensor["index"]))
        return signature

    def _add(self, info: Any, tensor: Mapping[str, Any], name: str, slot: Slot) -> None:
        info.name = name
        info.dtype = tf.as_dtype(tensor["dtype"]).as_datatype_enum
        shape = tensor["shape_signature"] if len(tensor["shape_signature"]) else tensor["shape"]
        info.tensor_shape.SetInParent()
        for size in shape:
            info.tensor_shape.dim.add(size=int(size))
        self._slots[name] = slot
        self._shapes[name] = tuple(map(int, shape))


def _invoke(interpreter: Any, feeds: Mapping[Slot, np.ndarray], fetches: Sequence[Slot]) -> list[np.ndarray]:
    signature = next(iter((*feeds, *fetches))).signature
    if signature is not None:
        answers = interpreter.get_signature_runner(signature)(
            **{slot.name: value for slot, value in feeds.items()}
        )
        return [np.asarray(answers[slot.name]) for slot in fetches]
    for slot, value in feeds.items():
        interpreter.resize_tensor_input(slot.position, value.shape)
    interpreter.allocate_tensors()
    for slot, value in feeds.items():
        interpreter.set_tensor(slot.position, value)
    interpreter.invoke()
    return [np.asarray(interpreter.get_tensor(slot.position)) for slot in fetches]
