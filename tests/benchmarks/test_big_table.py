from __future__ import annotations

from pathlib import Path

import pyarrow.csv

from benchmarks import big_table
from pipeline import config


def test_rows_of_the_taxi_pipeline_as_many_as_asked_for(tmp_path: Path) -> None:
    file = big_table.write(tmp_path / "csv" / "trips.csv", 300)
    assert file.read_bytes() == big_table.write(tmp_path / "again.csv", 300).read_bytes()
    read = pyarrow.csv.read_csv(file)
    assert (read.num_rows, read.num_columns) == (300, 16)
    assert set(config.load("taxi").trainer.features["bucketed"]) < set(read.column_names)
    assert len(read["fare"].unique()) > 250
