"""What the buckets tell together."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.text_example_gen.write_bucket import Outcome, Place

_MOST_ROWS = 2_000_000
Column = tuple[str, str]


@dataclasses.dataclass
class Summary:
    """All outcomes as one; see `Outcome`.

    characters and words: (text column, split) -> lengths. vocabulary: a table of text, split, kind, item, count and
    first, the number of the text of the split that has the item first.
    """

    rows: Counter[str] = dataclasses.field(default_factory=Counter)
    files: Counter[int] = dataclasses.field(default_factory=Counter)
    duplicates: int = 0
    contradicting: int = 0
    contradictions: list[list[tuple[Place, str]]] = dataclasses.field(default_factory=list)
    labels: Counter[tuple[str, str, str]] = dataclasses.field(default_factory=Counter)
    first: dict[tuple[str, str, str], Place] = dataclasses.field(default_factory=dict)
    characters: dict[Column, np.ndarray] = dataclasses.field(default_factory=dict)
    words: dict[Column, np.ndarray] = dataclasses.field(default_factory=dict)
    vocabulary: pa.Table = dataclasses.field(
        default_factory=lambda: pa.table(
            {
                "text": pa.array([], pa.string()),
                "split": pa.array([], pa.string()),
                "kind": pa.array([], pa.int8()),
                "item": pa.array([], pa.string()),
                "count": pa.array([], pa.int64()),
                "first": pa.array([], pa.int64()),
            }
        )
    )


def summarize(outcomes: Iterable[Outcome]) -> Summary:
    """The outcomes of all buckets, in their order, as one; the vocabulary is held once, however many buckets."""
    summary = Summary()
    lengths: dict[Column, list[tuple[np.ndarray, np.ndarray]]] = {}
    waiting = [summary.vocabulary]
    for outcome in outcomes:
        for text, of_split in outcome.measures.items():
            for split, measures in of_split.items():
                lengths.setdefault((text, split), []).append((measures.characters, measures.words))
                waiting.append(_named(measures.vocabulary, text, split, summary.rows[split]))
        if sum(table.num_rows for table in waiting) > _MOST_ROWS:
            waiting = [_merged(waiting)]
        summary.rows.update(outcome.rows)
        summary.files.update(outcome.files)
        summary.duplicates += outcome.duplicates
        summary.contradicting += outcome.contradicting
        summary.contradictions += outcome.contradictions
        summary.labels.update(outcome.labels)
        for key, place in outcome.first.items():
            summary.first[key] = min(summary.first.get(key, place), place)
    summary.vocabulary = _merged(waiting)
    for column, pieces in lengths.items():
        characters, words = zip(*pieces, strict=True)
        summary.characters[column], summary.words[column] = np.concatenate(characters), np.concatenate(words)
    return summary


def _named(vocabulary: pa.Table, text: str, split: str, before: int) -> pa.Table:
    count = vocabulary.num_rows
    first = vocabulary.column("first").to_numpy() + before
    return pa.table(
        {
            "text": pa.repeat(pa.scalar(text), count),
            "split": pa.repeat(pa.scalar(split), count),
            **{name: vocabulary.column(name) for name in ("kind", "item", "count")},
            "first": pa.array(first, pa.int64()),
        }
    )


def _merged(tables: list[pa.Table]) -> pa.Table:
    keys = ["text", "split", "kind", "item"]
    grouped = pa.concat_tables(tables).group_by(keys).aggregate([("count", "sum"), ("first", "min")])
    return grouped.rename_columns(
        [{"count_sum": "count", "first_min": "first"}.get(name, name) for name in grouped.column_names]
    ).select([*keys, "count", "first"])
