"""How fast the loaded model answers in a process of its own, without a server.

    python -m benchmarks.serving_direct VERSION_FOLDER REQUEST

Each way to call it (TF2's signature function, the session that the server uses), each number of threads and each batch
size for a moment; prints one line of JSON with the best rows per second one by one and in batches.
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
SECONDS = 1.0

Call = Callable[[], object]


def main() -> None:
    version, request = Path(sys.argv[1]), PredictRequest.FromString(Path(sys.argv[2]).read_bytes())
    row = {alias: tf.make_ndarray(proto) for alias, proto in request.inputs.items()}
    ways = {"signature": _by_signature(version), "session": _by_session(version)}
    rates = {
        f"{way} x{threads} batch {size}": size * _rate(make(_repeated(row, size)), threads)
        for way, make in ways.items()
        for size in BATCH_SIZES
        for threads in (1, 2)
    }
    single = max(rate for name, rate in rates.items() if name.endswith("batch 1"))
    print(json.dumps({"single": single, "batched": max(rates.values()), "all": rates}))


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
    servable = load_saved_model(version)
    signature = servable.signatures["serving_default"]
    fetches = [info.name for info in signature.outputs.values()]

    def make(inputs: dict[str, np.ndarray]) -> Call:
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return lambda: servable.run(feeds, fetches)

    return make


def _repeated(row: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    return {name: np.repeat(value, size, axis=0) for name, value in row.items()}


def _rate(call: Call, threads: int) -> float:
    """Calls per second of so many threads together."""
    for _ in range(5):
        call()
    counts = [0] * threads
    began = time.perf_counter()

    def repeat(index: int) -> None:
        while time.perf_counter() - began < SECONDS:
            call()
            counts[index] += 1

    workers = [threading.Thread(target=repeat, args=[index]) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
