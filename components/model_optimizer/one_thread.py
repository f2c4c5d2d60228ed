"""Times a SavedModel on one thread, in a process of its own: TensorFlow's threads are fixed when it starts.

`python -m components.model_optimizer.one_thread SAVED_MODEL SIGNATURE ROWS.npz` prints milliseconds as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import components
from components.model_optimizer import timing

SINGLE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
TIMEOUT = 600
PREFIX = "input."


def milliseconds(
    saved_model: Path, signature: str, rows: Mapping[str, np.ndarray], scratch: Path
) -> list[float]:
    """Times of single rows, none when the process fails: a figure for people, that nothing depends on."""
    file = scratch / "rows.npz"
    # Prefixed: an input may be called `file`, as savez's own argument is.
    np.savez(file, **{f"{PREFIX}{name}": values for name, values in rows.items()})  # type: ignore[arg-type]
    command = [sys.executable, "-m", __name__, str(saved_model), signature, str(file)]
    root = str(Path(components.__file__).parent.parent)
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    environment = {**os.environ, **SINGLE, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=True
        )
        return list(json.loads(done.stdout.splitlines()[-1]))
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        logging.warning("the original's latency was not measured: %s", error)
        return []


def main() -> None:
    """Loads, asks, prints."""
    saved_model, signature, file = sys.argv[1:]
    # Keras is not needed to run a graph, and takes 40 % of the time to import TensorFlow.
    sys.modules["keras"] = None  # type: ignore[assignment]
    import tensorflow as tf

    ask = tf.saved_model.load(saved_model).signatures[signature]
    with np.load(file) as stored:
        rows = {name.removeprefix(PREFIX): values for name, values in stored.items()}
    times = timing.milliseconds(
        lambda row: ask(**{name: tf.constant(value) for name, value in row.items()}), rows
    )
    print(json.dumps(times))


if __name__ == "__main__":
    main()
