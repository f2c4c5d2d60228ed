"""Training steps fed by the trainer's tf.data pipeline, against the same model fed from arrays by Keras itself.

    python -m benchmarks.training_input [--pairs N]

The taxi pipeline's model on transformed examples of drawn rows (`benchmarks.big_table`): held in memory, as small splits
are, and read from the files in each epoch, as large ones are. The ratio is the time of `model.fit` on arrays over the
pipeline's. `one batch` is the same batch again and again: what the step takes when nothing has to be chosen or copied.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import big_table, data_path, table
from benchmarks.image_input import STEPS_PER_CALL, Clock, seconds
from pipeline import config as catalog
from trainer_modules import tabular
from trainer_modules.common import input_data
from trainer_modules.tabular_config import Config

HEADER = (
    "examples are",
    "batch",
    "one batch ms/step",
    "arrays ms/step",
    "pipeline ms/step",
    "ratio",
    "spread",
)
Arrays = tuple[dict[str, np.ndarray], np.ndarray]
SIDES = {"in memory": input_data.MEMORY_BYTES, "read in each epoch": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    table.show(HEADER, rows(given.rows, given.pairs, given.steps))


def rows(count: int, pairs: int, steps: int) -> Iterable[table.Row]:
    """A row for each of SIDES."""
    taxi = catalog.load("taxi")
    config = Config.model_validate({"features": taxi.trainer.features, "model": taxi.trainer.model})
    custom = {"task": taxi.task, "labels": taxi.labels, "features": taxi.trainer.features}
    size = taxi.trainer.training["batch_size"]
    with tempfile.TemporaryDirectory() as folder:
        csv = big_table.write(Path(folder, "csv", "trips.csv"), count)
        data_path.ours(csv, Path(folder))
        transform = Path(folder, "ours", "pipelines", "taxi", "Transform")
        (graph,) = transform.glob("transform_graph/*")
        (examples,) = transform.glob("transformed_examples/*/Split-train")
        learnt = tabular.problem(str(graph), custom, config.features)
        model = _compiled(tabular.build_model(config.model, learnt.layout, learnt.scores, None))
        read = functools.partial(
            input_data.read, [f"{examples}/*"], learnt.transform, learnt.layout.assemble, learnt.label_keys
        )
        held = read(memory_bytes=count * 1024)
        assert held.inputs is not None
        chosen = np.arange((steps + STEPS_PER_CALL) * size) % held.count
        arrays = {name: values[chosen] for name, values in held.inputs.items()}, held.labels[chosen]
        for name, memory_bytes in SIDES.items():
            fed = read(memory_bytes=memory_bytes).training_batches(size, seed=1)
            yield (name, f"{size}", *_pairs(model, fed, arrays, size, pairs, steps))


def _pairs(
    model: keras.Model, fed: tf.data.Dataset, arrays: Arrays, size: int, pairs: int, steps: int
) -> Iterable[str]:
    again = tf.data.Dataset.from_tensors(next(iter(fed))).repeat()
    for warm in (again, fed):
        seconds(model, warm, 2 * STEPS_PER_CALL)
    sides = [
        (
            seconds(model, again, steps),
            seconds(model, fed, steps),
            _seconds_of_arrays(model, arrays, size, steps),
        )
        for _ in range(pairs)
    ]
    for side in (0, 2, 1):
        yield f"{statistics.median(times[side] for times in sides) * 1000:.2f}"
    yield from table.ratio([(fed, held) for _, fed, held in sides])


def _seconds_of_arrays(model: keras.Model, arrays: Arrays, size: int, steps: int) -> float:
    """Seconds of a step when Keras shuffles and cuts arrays itself, as `model.fit(x, y)` does."""
    clock = Clock()
    model.fit(*arrays, batch_size=size, epochs=1, callbacks=[clock], verbose=0)
    return (clock.ends[-1] - clock.ends[0]) / steps


def _compiled(model: Any) -> keras.Model:
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss, steps_per_execution=STEPS_PER_CALL, jit_compile=False)
    return model


if __name__ == "__main__":
    main()
