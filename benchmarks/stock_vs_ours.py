"""First run, a gate changed, nothing changed: a pipeline written the stock way and ours, side by side.

    python -m benchmarks.stock_vs_ours [penguin|taxi] [--pairs N]

Both get the same CSV file, the same columns, the same network and the same number of epochs, each in a new process
and a new state folder; the pairs alternate, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import table
from benchmarks.measure import REPOSITORY, Cost, command, mlpipe
from data import taxi

HEADER = ("", "stock s", "ours s", "ratio", "spread", "stock peak MiB", "ours peak MiB")
STOCK = str(Path(__file__).parent / "stock" / "pipeline.py")
# Pipeline -> a bound of its gate other than the first one, for stock and for ours.
CHANGED = {"penguin": "0.94", "taxi": "0.89"}
RUNS = ("first run", "a gate changed", "nothing changed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=CHANGED, default="penguin")
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    table.show(HEADER, rows(given.name, given.pairs))


def rows(name: str, pairs: int) -> Iterable[table.Row]:
    """A row for each of RUNS, over `pairs` pairs."""
    measured = [_pair(name) for _ in range(pairs)]
    for number, run in enumerate(RUNS):
        stock, ours = ([sides[side][number] for sides in measured] for side in (0, 1))
        yield (
            run,
            f"{table.median(cost.seconds for cost in stock):.1f}",
            f"{table.median(cost.seconds for cost in ours):.1f}",
            *table.ratio([(a.seconds, b.seconds) for a, b in zip(stock, ours, strict=True)]),
            f"{max(cost.peak_mib for cost in stock):,.0f}",
            f"{max(cost.peak_mib for cost in ours):,.0f}",
        )


def _pair(name: str) -> tuple[list[Cost], list[Cost]]:
    """The costs of stock and of ours, each for all RUNS."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        csv = _csv(name, state / "csv")
        stock = [sys.executable, STOCK, name, str(csv.parent), str(state / "stock")]
        # Stock TFX has no attributions.
        settings = ("--set", f"data.path={csv}", "--set", "attributions=null")
        ours = mlpipe("run", name, "--home", str(state / "ours"), *settings)
        changed = (["--bound", CHANGED[name]], ["--set", f"evaluation.gates.0.lower={CHANGED[name]}"])
        return (
            [command([*stock, *more], state / "log") for more in ([], changed[0], changed[0])],
            [command([*ours, *more], state / "log") for more in ([], changed[1], changed[1])],
        )


def _csv(name: str, folder: Path) -> Path:
    """The data of a pipeline in a form that stock's reader takes: nothing where a value is missing."""
    if name == "taxi":
        return taxi.write_csv(folder)
    folder.mkdir()
    csv = folder / "penguins.csv"
    csv.write_text((REPOSITORY / "data" / "penguins" / "penguins.csv").read_text().replace("NA", ""))
    return csv


if __name__ == "__main__":
    main()
