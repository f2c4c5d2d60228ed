"""First run, a gate changed, nothing changed: the taxi pipeline written the stock way and ours, side by side.

    python -m benchmarks.stock_vs_ours [--pairs N]

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
from benchmarks.measure import Cost, command, mlpipe
from data import taxi

HEADER = ("", "stock s", "ours s", "ratio", "spread", "stock peak MiB", "ours peak MiB")
STOCK = str(Path(__file__).parent / "stock" / "taxi.py")
RUNS = ("first run", "a gate changed", "nothing changed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    table.show(HEADER, rows(parser.parse_args().pairs))


def rows(pairs: int) -> Iterable[table.Row]:
    """A row for each of RUNS, over `pairs` pairs."""
    measured = [_pair() for _ in range(pairs)]
    for number, name in enumerate(RUNS):
        stock, ours = ([sides[side][number] for sides in measured] for side in (0, 1))
        yield (
            name,
            f"{table.median(cost.seconds for cost in stock):.1f}",
            f"{table.median(cost.seconds for cost in ours):.1f}",
            *table.ratio([(a.seconds, b.seconds) for a, b in zip(stock, ours, strict=True)]),
            f"{max(cost.peak_mib for cost in stock):,.0f}",
            f"{max(cost.peak_mib for cost in ours):,.0f}",
        )


def _pair() -> tuple[list[Cost], list[Cost]]:
    """The costs of stock and of ours, each for all RUNS."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        csv = taxi.write_csv(state / "csv")
        stock = [sys.executable, STOCK, str(csv.parent), str(state / "stock")]
        ours = mlpipe("run", "taxi", "--home", str(state / "ours"))
        changed = (["--auc", "0.89"], ["--set", "evaluation.gates.0.lower=0.94"])
        return (
            [command([*stock, *more], state / "log") for more in ([], changed[0], changed[0])],
            [command([*ours, *more], state / "log") for more in ([], changed[1], changed[1])],
        )


if __name__ == "__main__":
    main()
