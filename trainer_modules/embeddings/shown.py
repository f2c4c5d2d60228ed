"""What is kept of the vectors beside the run: files for the embedding projector, neighbours, analogies."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer_modules.embeddings import similarity
from trainer_modules.embeddings.subsampling import keep_probability

NEIGHBOURS_FILE, ANALOGIES_FILE = "neighbours.json", "analogies.json"
VECTORS_FILE, METADATA_FILE = "vectors.tsv", "metadata.tsv"
_FREQUENT = 1e-3
_WORDS = 20
_NEIGHBOURS = 10


def write_projector(folder: Path, vectors: np.ndarray, names: Sequence[str], counts: Sequence[int]) -> None:
    """Write vectors.tsv and metadata.tsv (word, count), which https://projector.tensorflow.org loads."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / VECTORS_FILE, vectors, fmt="%.6g", delimiter="\t")
    lines = [f"{name}\t{count}" for name, count in zip(names, counts, strict=True)]
    (folder / METADATA_FILE).write_text("\n".join(["word\tcount", *lines]) + "\n", encoding="utf-8")


def write_neighbours(
    folder: Path, vectors: np.ndarray, names: Sequence[str], words: Sequence[str]
) -> dict[str, Any]:
    """Write and return the neighbours of some words: word -> [{word, similarity}], or null without a vector."""
    ids = {name: number for number, name in enumerate(names)}
    found: dict[str, Any] = dict.fromkeys(words)
    known = [word for word in words if word in ids]
    if known:
        asked = tf.constant([ids[word] for word in known])
        near, cosines = similarity.nearest(
            tf.constant(vectors), tf.gather(vectors, asked), asked[:, tf.newaxis], tf.constant(_NEIGHBOURS)
        )
        for word, row, values in zip(known, near.numpy(), cosines.numpy(), strict=True):
            found[word] = [
                {"word": names[number], "similarity": round(float(value), 4)}
                for number, value in zip(row, values, strict=True)
            ]
    _write(folder / NEIGHBOURS_FILE, found)
    return found


def write_analogies(
    folder: Path, vectors: np.ndarray, names: Sequence[str], asked: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Write and return the answers to analogies, and the share of them that are as expected.

    Those with a word that has no vector are left out of the share, and counted.
    """
    ids = {name: number for number, name in enumerate(names)}
    known = [words for words in asked if all(word in ids for word in words)]
    rows = []
    if known:
        a, b, c, _ = (tf.constant([ids[words[place]] for words in known]) for place in range(4))
        found, cosines = similarity.analogy(tf.constant(vectors), a, b, c)
        for words, number, cosine in zip(known, found.numpy(), cosines.numpy(), strict=True):
            rows.append(
                {
                    **dict(zip(("a", "b", "c", "expected"), words, strict=True)),
                    "found": names[number],
                    "similarity": round(float(cosine), 4),
                }
            )
    right = sum(row["expected"] == row["found"] for row in rows)
    report = {
        "asked": len(rows),
        "right": right,
        "accuracy": right / len(rows) if rows else None,
        "without_vector": len(asked) - len(rows),
        "analogies": rows,
    }
    _write(folder / ANALOGIES_FILE, report)
    logging.info("%d of %d analogies are as expected", right, len(rows))
    return report


def frequent_content_words(names: Sequence[str], counts: Sequence[int]) -> list[str]:
    """Return the most frequent words that subsampling at 1e-3 would leave whole; of few words the most frequent ones."""
    keep = keep_probability(np.array(counts), _FREQUENT)
    words = [(kept == 1, name) for name, kept in zip(names, keep, strict=True) if name.isalpha()]
    content = [name for whole, name in words if whole]
    return (content or [name for _, name in words])[:_WORDS]


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
