"""What the buckets tell together."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.text_example_gen.write_bucket import Outcome, Place

_MOST_ROWS = 500_000
"""Of vocabularies that wait to become one with what is known."""
Column = tuple[str, str]


@dataclasses.dataclass
class Summary:
    """All outcomes as one; see `Outcome`.

    Of each text column in each split, the lengths in characters and words, and the vocabulary: a table of kind, item,
    count and first, the number of the text of the split that has the item first.
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
    vocabulary: dict[Column, pa.Table] = dataclasses.field(default_factory=dict)


def summarize(outcomes: Iterable[Outcome]) -> Summary:
    """The outcomes of all buckets, in their order, as one; the vocabulary is held once, however many buckets."""
    summary = Summary()
    lengths: dict[Column, list[tuple[np.ndarray, np.ndarray]]] = {}
    waiting: dict[Column, list[pa.Table]] = {}
    for outcome in outcomes:
        for text, of_split in outcome.measures.items():
            for split, measures in of_split.items():
                column = (text, split)
                lengths.setdefault(column, []).append((measures.characters, measures.words))
                tables = waiting.setdefault(column, [])
                tables.append(_counted_on(measures.vocabulary, summary.rows[split]))
                if sum(table.num_rows for table in tables[1:]) > _MOST_ROWS:
                    waiting[column] = [_merged(tables)]
        summary.rows.update(outcome.rows)
        summary.files.update(outcome.files)
        summary.duplicates += outcome.duplicates
        summary.contradicting += outcome.contradicting
        summary.contradictions += outcome.contradictions
        summary.labels.update(outcome.labels)
        for key, place in outcome.first.items():
            summary.first[key] = min(summary.first.get(key, place), place)
    summary.vocabulary = {column: _merged(tables) for column, tables in waiting.items()}
    for column, pieces in lengths.items():
        characters, words = zip(*pieces, strict=True)
        summary.characters[column], summary.words[column] = np.concatenate(characters), np.concatenate(words)
    return summary


def _counted_on(vocabulary: pa.Table, before: int) -> pa.Table:
    """The vocabulary of texts that stand after `before` others."""
    first = vocabulary.column("first").to_numpy() + before
    return vocabulary.set_column(vocabulary.num_columns - 1, "first", pa.array(first, pa.int64()))


def _merged(tables: list[pa.Table]) -> pa.Table:
    whole = pa.concat_tables(tables).group_by(["kind", "item"], use_threads=False)
    grouped = whole.aggregate([("count", "sum"), ("first", "min")])
    return grouped.select(["kind", "item", "count_sum", "first_min"]).rename_columns(
        ["kind", "item", "count", "first"]
    )
