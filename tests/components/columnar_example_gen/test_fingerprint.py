"""Fingerprints follow the content of files, not their times."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.columnar_example_gen import fingerprint


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "rows.csv"
    path.parent.mkdir()
    path.write_text("x\n1\n")
    return path


def of(path: Path, cache: Path | None = None) -> str:
    return fingerprint.digest(fingerprint.files(str(path.parent), {"all": path.name}, cache=cache))


def test_what_is_told_of_a_file(rows: Path) -> None:
    assert fingerprint.files(str(rows.parent), {"all": "*.csv"}) == [
        {"split": "all", "file": "rows.csv", "bytes": 4, "sha256": hashlib.sha256(b"x\n1\n").hexdigest()}
    ]


def test_touch_changes_nothing_and_a_row_does(rows: Path) -> None:
    before = of(rows)
    os.utime(rows, (1, 1))
    assert of(rows) == before
    rows.write_text("x\n2\n")
    assert of(rows) != before


def test_another_folder_with_the_same_files_is_the_same(rows: Path, tmp_path: Path) -> None:
    copy = tmp_path / "clone" / "rows.csv"
    copy.parent.mkdir()
    copy.write_bytes(rows.read_bytes())
    assert of(copy) == of(rows)


def test_another_name_or_one_more_file_is_a_change(rows: Path) -> None:
    before = fingerprint.digest(fingerprint.files(str(rows.parent), {"all": "*.csv"}))
    (rows.parent / "more.csv").write_text("x\n1\n")
    both = fingerprint.digest(fingerprint.files(str(rows.parent), {"all": "*.csv"}))
    rows.unlink()
    renamed = fingerprint.digest(fingerprint.files(str(rows.parent), {"all": "*.csv"}))
    assert len({before, both, renamed}) == 3


def test_the_cache_is_used_only_for_files_that_have_settled(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "home" / "fingerprints.json"
    of(rows, cache)
    assert not cache.exists(), (
        "a file that was written just now may be written again within the same clock tick"
    )

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    before = of(rows, cache)
    assert list(json.loads(cache.read_text())) == [str(rows)]
    monkeypatch.setattr(fingerprint, "sha256", lambda path: pytest.fail("the digest is in the cache"))
    assert of(rows, cache) == before


def test_a_change_that_keeps_size_and_modification_time_is_seen(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "fingerprints.json"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    before, stat = of(rows, cache), rows.stat()
    time.sleep(0.05)
    rows.write_text("x\n2\n")
    os.utime(rows, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert of(rows, cache) != before


def test_a_cache_that_is_not_json_is_ignored(rows: Path, tmp_path: Path) -> None:
    cache = tmp_path / "fingerprints.json"
    cache.write_text("{")
    assert of(rows, cache) == of(rows)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, components.columnar_example_gen.fingerprint, components.columnar_example_gen.options\n"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'pyarrow', 'numpy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
