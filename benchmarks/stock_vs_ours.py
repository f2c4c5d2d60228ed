"""First run, run without a change: the taxi pipeline written the stock way and ours, side by side.

    python -m benchmarks.stock_vs_ours [--pairs N]

Both get the same CSV file, the same columns, the same network and the same number of epochs, each in a new process
and a new state folder; the pairs alternate, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Cost, command, mlpipe
from data import taxi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1)
    pairs = [_pair() for _ in range(parser.parse_args().pairs)]
    print(f"{'':<16}{'stock s':>10}{'ours s':>10}{'ratio':>8}{'spread':>14}{'stock MiB':>11}{'ours MiB':>10}")
    for index, title in enumerate(("first run", "nothing changed")):
        stock, ours = [pair[0][index] for pair in pairs], [pair[1][index] for pair in pairs]
        ratios = [b.seconds / a.seconds for a, b in zip(stock, ours, strict=True)]
        print(
            f"{title:<16}{_median(stock):>10.1f}{_median(ours):>10.1f}{statistics.median(ratios):>8.2f}"
            f"{f'{min(ratios):.2f}-{max(ratios):.2f}':>14}"
            f"{max(c.peak_mib for c in stock):>11.0f}{max(c.peak_mib for c in ours):>10.0f}"
        )


def _pair() -> tuple[list[Cost], list[Cost]]:
    """The costs of stock and ours, each for a first run and for one in which nothing changed."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        csv = taxi.write_csv(state / "csv")
        script = str(Path(__file__).parent / "stock" / "taxi.py")
        stock = [sys.executable, script, str(csv.parent), str(state / "stock")]
        ours = mlpipe("run", "taxi", "--home", str(state / "ours"))
        return (
            [command(stock, state / "log") for _ in range(2)],
            [command(ours, state / "log") for _ in range(2)],
        )


def _median(costs: list[Cost]) -> float:
    return statistics.median(cost.seconds for cost in costs)


if __name__ == "__main__":
    main()
