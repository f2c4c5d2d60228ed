"""Short reviews: 2,000 sentences on films and goods, positive or negative; committed as data/reviews_small.

Chosen from the sentences that C. Hutto and E. Gilbert had rated by at least 20 people each, -4 to 4 ("VADER: A
Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014,
https://doi.org/10.1609/icwsm.v8i1.14550): 10,605 of Rotten Tomatoes and 3,708 of Amazon, MIT licence. They are only in
the source distribution of PyPI's vaderSentiment; data/reviews_small/reviews.csv was made by

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python -m data.reviews vaderSentiment-3.3.2.tar.gz data/reviews_small
"""

from __future__ import annotations

import io
import random
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from data import downloads, files

SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
COMMITTED = Path(__file__).parent / "reviews_small" / "reviews.csv"
SOURCES = {
    "movies": "movieReviewSnippets_GroundTruth.txt",
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
}
LABELS = ("negative", "positive")
_CLEAR = 1.5
_EACH = 500
_WORDS = 3


def write(folder: Path) -> Path:
    """Writes reviews.csv: text, label (negative, positive) and source (movies, amazon), 500 of each pair."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(COMMITTED, folder / COMMITTED.name))


def choose(archive: Path, folder: Path, seed: int = 0) -> Path:
    """Writes reviews.csv from the source distribution, which must be the one with the checksum.

    Of the sentences of at least 3 words, each once, with a mean rating of at least 1.5 or at most -1.5, 500 of each
    source and label, drawn with `seed`, mixed.
    """
    downloads.check(
        archive, SHA256, "fetch it again with: pip download --no-binary :all: vaderSentiment==3.3.2"
    )
    chosen = []
    drawn = random.Random(seed)
    for source, name in SOURCES.items():
        sentences = list(_rated(archive, name))
        for label, sign in zip(LABELS, (-1, 1), strict=True):
            clear = sorted(
                {text for text, mean in sentences if sign * mean >= _CLEAR and len(text.split()) >= _WORDS}
            )
            chosen += [(text, label, source) for text in drawn.sample(clear, _EACH)]
    drawn.shuffle(chosen)
    return files.write_rows(folder, COMMITTED.name, ("text", "label", "source"), chosen)


def _rated(archive: Path, name: str) -> Iterator[tuple[str, float]]:
    """(sentence, mean rating) from the archive inside the archive."""
    with tarfile.open(archive) as outer:
        inner = outer.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
        assert inner is not None
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as tar:
            content = tar.extractfile(f"hutto_ICWSM_2014/{name}")
            assert content is not None
            for line in content.read().decode("utf-8").splitlines():
                _, mean, text = line.split("\t")
                yield text.strip(), float(mean)


if __name__ == "__main__":
    choose(Path(sys.argv[1]), Path(sys.argv[2]))
