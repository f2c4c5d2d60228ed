from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline import metadata, metadata_indexes
from pipeline.home import Home


def indexes(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'mlpipe%'")
        }


def plan(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        [row] = connection.execute(
            "EXPLAIN QUERY PLAN SELECT context_id FROM Association WHERE execution_id = 1"
        )
        return str(row[3])


def test_a_file_that_is_there_gets_them_when_it_is_opened_to_be_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    metadata.open_store(home, create=True)
    assert "SCAN" in plan(home.metadata)
    metadata.open_store(home)
    assert indexes(home.metadata) == set()
    metadata.open_store(home, create=True)
    assert indexes(home.metadata) == {"mlpipe_association_execution", "mlpipe_attribution_artifact"}
    assert "USING" in plan(home.metadata)


def test_what_is_no_store_is_left_to_mlmd(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    path.write_bytes(b"no database at all, but some bytes")
    metadata_indexes.ensure(path)
    assert path.read_bytes() == b"no database at all, but some bytes"
