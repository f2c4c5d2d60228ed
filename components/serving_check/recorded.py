"""Requests that the trainer module left in the model (assets.extra/tf_serving_warmup_requests)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tfx.utils import path_utils

from common.errors import UserError
from components.serving_check.feeding import CannotFeed, Feed
from components.serving_check.signatures import PREDICT

DEFAULT_SIGNATURE = "serving_default"


@dataclass
class Recorded:
    """The records as they are stored, the signatures that they ask, and the Predict requests by signature."""

    records: Sequence[bytes] = ()
    signatures: set[str] = field(default_factory=set)
    predictions: dict[str, list[PredictRequest]] = field(default_factory=lambda: defaultdict(list))

    def feed(self, signature: str) -> Feed:
        """The rows of all Predict requests to a signature. Raises CannotFeed when they cannot go into one batch."""
        parts: dict[str, list[np.ndarray]] = defaultdict(list)
        try:
            for request in self.predictions[signature]:
                for name, tensor in request.inputs.items():
                    parts[name].append(tf.make_ndarray(tensor))
            tensors = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        except (TypeError, ValueError) as error:
            raise CannotFeed(f"the requests in the model are no rows: {error}") from None
        if not tensors or len({len(values) for values in tensors.values()}) > 1:
            raise CannotFeed("the requests in the model have not the same number of rows in each input")
        return Feed(PREDICT, "requests", tensors)


def read(saved_model: Path) -> Recorded:
    """What lies in the model; a record that cannot be parsed is of no signature (the server refuses the model).

    Raises:
      UserError: the file is no TFRecord file.
    """
    path = Path(path_utils.warmup_file_path(str(saved_model)))
    if not path.is_file():
        return Recorded()
    try:
        found = Recorded(list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()))
    except tf.errors.OpError as error:
        raise UserError(f"{path}: the trainer module wrote no TFRecord file: {error.message}") from None
    for record in found.records:
        try:
            log = PredictionLog.FromString(record)
        except DecodeError:
            continue
        kind = log.WhichOneof("log_type")
        if kind not in ("predict_log", "classify_log", "regress_log"):
            continue
        request = getattr(log, kind).request
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        found.signatures.add(signature)
        if kind == "predict_log":
            found.predictions[signature].append(request)
    return found
