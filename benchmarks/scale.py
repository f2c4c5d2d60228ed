"""Whether time and memory stay in proportion: ExampleGen to Transform on more and more rows.

    python -m benchmarks.scale [--rows 200000 1000000 5000000 10000000] [--until ExampleGen]

The taxi pipeline up to Transform on drawn rows (`benchmarks.big_table`), each size in a new process. The last column is
the time of a row against that of the row above it with a million rows (or the first size, if there is none).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import big_table, table
from benchmarks.data_path import COMPONENTS, PROCESS, TOTAL, ours

SIZES = (200_000, 1_000_000, 5_000_000, 10_000_000)
SHOWN = ("ExampleGen", "StatisticsGen", "Transform")
HEADER = ("rows", "CSV MB", *(f"{name} s" for name in SHOWN), "process s", "peak MiB", "µs a row", "ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--until", choices=COMPONENTS, default="Transform")
    given = parser.parse_args()
    table.show(HEADER, rows(given.rows, given.until))


def rows(sizes: Sequence[int], until: str) -> Iterable[table.Row]:
    """A row for each number of rows."""
    reference = None
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            csv = big_table.write(Path(folder, "csv", "trips.csv"), count)
            side = ours(csv, Path(folder), until)
            size = csv.stat().st_size
        micros = side.seconds[TOTAL] * 1e6 / count
        if reference is None or count == 1_000_000:
            reference = micros
        yield (
            f"{count:,}",
            f"{size / 1e6:,.0f}",
            *(f"{side.seconds[name]:.1f}" if side.seconds[name] else "-" for name in SHOWN),
            f"{side.seconds[PROCESS]:.1f}",
            f"{side.cost.peak_mib:,.0f}",
            f"{micros:.1f}",
            f"{micros / reference:.2f}",
        )


if __name__ == "__main__":
    main()
