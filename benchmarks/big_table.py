"""A CSV of as many rows as are asked for: rows of the taxi file drawn at random, fares and miles varied.

python -m benchmarks.big_table ROWS FILE
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from data import taxi

VARIED = ("fare", "trip_miles")
LEFT_OUT = ["pickup_census_tract", "trip_start_timestamp"]
"""What the taxi pipeline drops: the split is by the hash of the whole row, so that both sides need the same columns."""
_ROWS_AT_ONCE = 500_000


def write(file: Path, rows: int, seed: int = 0) -> Path:
    """Writes `rows` rows with the 16 columns that the taxi pipeline keeps; the same seed gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        trips = pyarrow.csv.read_csv(taxi.write_csv(Path(folder))).drop_columns(LEFT_OUT)
    random = np.random.default_rng(seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Stock TFX takes quotes in the header for a part of the names.
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with (
        file.open("wb") as output,
        pyarrow.csv.CSVWriter(output, trips.schema, write_options=options) as writer,
    ):
        output.write(",".join(trips.column_names).encode() + b"\n")
        for start in range(0, rows, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, rows - start)
            drawn = trips.take(random.integers(0, len(trips), count))
            for name in VARIED:
                varied = np.round(drawn[name].to_numpy() * random.uniform(0.9, 1.1, count), 4)
                drawn = drawn.set_column(drawn.column_names.index(name), name, pa.array(varied))
            writer.write_table(drawn)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    print(write(given.file, given.rows))


if __name__ == "__main__":
    main()
