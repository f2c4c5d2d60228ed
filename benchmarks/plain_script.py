"""What a pipeline costs over a script: the taxi model by pandas and Keras alone, and by `mlpipe run taxi`.

    python -m benchmarks.plain_script [--pairs N]

The same rows, the same network, the same number of epochs at most; each in a new process, in turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import table
from benchmarks.measure import Cost, command, mlpipe
from data import taxi

HEADER = ("", "script s", "pipeline s", "ratio", "spread", "script peak MiB", "pipeline peak MiB")
SCRIPT = str(Path(__file__).parent / "plain" / "taxi.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    table.show(HEADER, rows(parser.parse_args().pairs))


def rows(pairs: int) -> Iterable[table.Row]:
    """The row of a first run, over `pairs` pairs."""
    measured = [_pair() for _ in range(pairs)]
    seconds = [(script.seconds, pipeline.seconds) for script, pipeline in measured]
    yield (
        "first run",
        *(f"{table.median(side):.1f}" for side in zip(*seconds, strict=True)),
        *table.ratio(seconds),
        *(f"{max(cost.peak_mib for cost in side):,.0f}" for side in zip(*measured, strict=True)),
    )


def _pair() -> tuple[Cost, Cost]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        csv = taxi.write_csv(state / "csv")
        script = command([sys.executable, SCRIPT, str(csv), str(state / "model")], state / "log")
        return script, command(mlpipe("run", "taxi", "--home", str(state / "home")), state / "log")


if __name__ == "__main__":
    main()
