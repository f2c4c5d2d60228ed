"""The figures of the report: lengths, growth of the vocabulary, and what of a split is new to train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.text_example_gen.cleaning import EMPTY, LONG, ROWS, Tally
from components.text_example_gen.options import TextOptions
from components.text_example_gen.summary import Summary
from components.text_example_gen.words import CHARACTER, WORD

TRAIN = "train"
_SHOWN = 10
_POINTS = 10


def report(summary: Summary, tally: Tally, options: TextOptions, splits: Sequence[str]) -> dict[str, Any]:
    """The report as JSON-able values."""
    return {
        "texts": tally.counts[ROWS],
        "examples": {split: summary.rows[split] for split in splits},
        "duplicates": summary.duplicates,
        "duplicates_are": options.duplicates,
        "contradicting": summary.contradicting,
        "contradicting_are": "keep" if options.keeps_contradicting else "drop",
        "empty": tally.counts[EMPTY],
        "long": tally.counts[LONG],
        "long_are": options.on_long,
        "max_oov": options.max_oov,
        "columns": {text: of_text(summary, text) for text in options.texts},
    }


def of_text(summary: Summary, text: str) -> dict[str, Any]:
    """The section of the report about a text column; without a split train the vocabulary is that of the first."""
    splits = [split for name, split in summary.characters if name == text]
    base = TRAIN if TRAIN in splits else splits[0]
    train = summary.vocabulary[text, base]
    known = train.filter(pc.equal(train.column("kind"), WORD))
    return {
        "lengths": {
            split: {
                "characters": _lengths(summary.characters[text, split]),
                "words": _lengths(summary.words[text, split]),
            }
            for split in splits
        },
        "vocabulary": {
            "words": known.num_rows,
            "once": int(pc.sum(pc.equal(known.column("count"), 1)).as_py() or 0),
            "characters": train.num_rows - known.num_rows,
            "growth": _growth(known.column("first").to_numpy(), summary.rows[base]),
        },
        "out_of_vocabulary": {
            split: _unknown(summary.vocabulary[text, split], train) for split in splits if split != base
        },
    }


def _lengths(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    low, middle, high, top = np.percentile(values, [0, 50, 95, 100]).tolist()
    return {"min": low, "median": middle, "mean": round(float(values.mean()), 2), "p95": high, "max": top}


def _growth(first: np.ndarray, texts: int) -> list[dict[str, int]]:
    """How many different words there are after each tenth of the texts."""
    ends = [texts * point // _POINTS for point in range(1, _POINTS + 1)]
    counts = np.searchsorted(np.sort(first), ends)
    return [{"texts": end, "words": int(count)} for end, count in zip(ends, counts, strict=True)]


def _unknown(vocabulary: pa.Table, train: pa.Table) -> dict[str, Any]:
    """Shares of words, of different words and of characters that train does not have, and the most frequent of them."""
    shares: dict[str, Any] = {}
    for kind, name in ((WORD, "words"), (CHARACTER, "characters")):
        items = vocabulary.filter(pc.equal(vocabulary.column("kind"), kind))
        known = train.filter(pc.equal(train.column("kind"), kind)).column("item")
        new = items.filter(pc.invert(pc.is_in(items.column("item"), known.combine_chunks())))
        shares[name] = _share(new.column("count"), items.column("count"))
        if kind == WORD:
            shares["different_words"] = round(new.num_rows / max(1, items.num_rows), 6)
            ordered = new.sort_by([("count", "descending"), ("item", "ascending")])
            shares["examples"] = ordered.column("item").slice(0, _SHOWN).to_pylist()
    return shares


def _share(part: pa.ChunkedArray, whole: pa.ChunkedArray) -> float:
    total = pc.sum(whole).as_py() or 0
    return round((pc.sum(part).as_py() or 0) / max(1, total), 6)
