"""How fast the loaded model answers in a process of its own, without a server.

    python -m benchmarks.serving_direct VERSION_FOLDER REQUEST THREADS

Each way to call it (TF2's signature function, the session that the server uses), one and two callers, and each batch size
for a moment. THREADS per operation hold for the process; 0: TensorFlow decides. Prints one line of JSON: the best rows per
second of one caller, row by row (`single`) and in batches (`batched`), and of two callers in batches (`two_callers`).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from serving.saved_model import load_saved_model

BATCH_SIZES = (1, 8, 16, 32, 64, 128)
SECONDS = 0.6

Call = Callable[[], object]


def main() -> None:
    version, request = Path(sys.argv[1]), PredictRequest.FromString(Path(sys.argv[2]).read_bytes())
    row = {alias: tf.make_ndarray(proto) for alias, proto in request.inputs.items()}
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[3]))
    ways = {"signature": _by_signature(version), "session": _by_session(version)}
    rates = {
        (way, callers, size): size * _rate(make(_repeated(row, size)), callers)
        for way, make in ways.items()
        for callers in (1, 2)
        for size in BATCH_SIZES
    }
    best = {
        "single": max(rate for (_, callers, size), rate in rates.items() if callers == size == 1),
        "batched": max(rate for (_, callers, _), rate in rates.items() if callers == 1),
        "two_callers": max(rates.values()),
    }
    print(json.dumps({**best, "all": {" ".join(map(str, key)): rate for key, rate in rates.items()}}))


def _by_signature(version: Path) -> Callable[[dict[str, np.ndarray]], Call]:
    loaded = tf.saved_model.load(str(version))

    def make(inputs: dict[str, np.ndarray]) -> Call:
        def call() -> object:
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            answers = loaded.signatures["serving_default"](**tensors)
            return {name: value.numpy() for name, value in answers.items()}

        return call

    return make


def _by_session(version: Path) -> Callable[[dict[str, np.ndarray]], Call]:
    servable = load_saved_model(version, intra_op_threads=int(sys.argv[3]))
    signature = servable.signatures["serving_default"]
    fetches = [info.name for info in signature.outputs.values()]

    def make(inputs: dict[str, np.ndarray]) -> Call:
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return lambda: servable.run(feeds, fetches)

    return make


def _repeated(row: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    return {name: np.repeat(value, size, axis=0) for name, value in row.items()}


def _rate(call: Call, callers: int) -> float:
    """Calls per second of so many threads together."""
    for _ in range(5):
        call()
    counts = [0] * callers
    began = time.perf_counter()

    def repeat(index: int) -> None:
        while time.perf_counter() - began < SECONDS:
            call()
            counts[index] += 1

    workers = [threading.Thread(target=repeat, args=[index]) for index in range(callers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
