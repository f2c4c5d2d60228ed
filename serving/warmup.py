"""Replays a version's recorded requests before its first real one, so that this one does not wait for TensorFlow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.classify import classify
from serving.errors import ServingError, invalid_argument
from serving.multi_inference import multi_inference
from serving.predict import predict
from serving.regress import regress
from serving.versions import Served

log = logging.getLogger(__name__)

REQUESTS_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000

ANSWERS: dict[str, Any] = {
    "predict_log": predict,
    "classify_log": classify,
    "regress_log": regress,
    "multi_inference_log": multi_inference,
}


async def warm_up(served: Served, path: Path, *, iterations: int = 1) -> None:
    """Sends each request of `assets.extra/tf_serving_warmup_requests` (a TFRecord file of PredictionLogs), if there is one.

    Names and versions of models in the requests are not looked at. Raises ServingError when a request fails
    (the version is not fit to be served then), the file cannot be read, or holds more than 1000.
    """
    file = path / REQUESTS_FILE
    if not file.is_file():
        log.info("No warmup data file found at %s", file)
        return
    began = time.monotonic()
    records = await asyncio.to_thread(_read, file)
    only = OnlyThis(served)
    for record in records:
        await _replay(only, record, iterations)
    log.info(
        "Finished reading warmup data for model at %s. Number of warmup records read: %d. "
        "Elapsed time (microseconds): %d.",
        file,
        len(records),
        (time.monotonic() - began) * 1e6,
    )


class OnlyThis:
    """Stands in for the manager, which does not hand out a version that is still being warmed."""

    def __init__(self, served: Served) -> None:
        self._served = served

    @contextmanager
    def use(self, model_spec: ModelSpec) -> Iterator[Served]:
        """The version, whatever is asked for."""
        yield self._served


async def _replay(only: OnlyThis, record: PredictionLog, iterations: int) -> None:
    kind = record.WhichOneof("log_type")
    if kind is None:
        return
    if kind not in ANSWERS:
        number = PredictionLog.DESCRIPTOR.fields_by_name[kind].number
        raise ServingError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
    request = getattr(record, kind).request
    if kind != "multi_inference_log":
        request.model_spec.SetInParent()
    for _ in range(max(iterations, 1)):
        await ANSWERS[kind](only, request)


def _read(file: Path) -> list[PredictionLog]:
    records: list[PredictionLog] = []
    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(file)):
            records.append(PredictionLog.FromString(record))
            if len(records) > MAX_RECORDS:
                raise invalid_argument(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}"
                )
    except DecodeError:
        raise invalid_argument(f"Failed to parse warmup record: {record[:100]!r} from {file}") from None
    except tf.errors.OpError as error:
        raise ServingError(
            grpc.StatusCode.DATA_LOSS,
            f"{error.message}. Please verify your warmup data is in TFRecord format.",
        ) from None
    return records
