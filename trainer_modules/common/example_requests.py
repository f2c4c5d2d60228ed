"""Requests that an exported model carries with it, for signatures that ask for something else than the data's columns.

A server replays them before it answers from a new version, and ServingCheck asks with them. Source: "SavedModel Warmup",
https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

FILE = Path("assets.extra", "tf_serving_warmup_requests")

Requests = Mapping[str, Sequence[Mapping[str, tf.Tensor]]]
"""Signature -> requests of one row each: input -> tensor [1, ...]."""


def write(folder: str, requests: Requests) -> None:
    """Write the requests into the SavedModel in `folder`; none write no file."""
    logs = [_log(signature, inputs) for signature, rows in requests.items() for inputs in rows]
    if not logs:
        return
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def _log(signature: str, inputs: Mapping[str, tf.Tensor]) -> PredictionLog:
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return log
