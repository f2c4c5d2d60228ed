"""Texts: samples of each split, growth of the vocabulary, words that train does not have."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from reports import examples
from reports.charts import lines, svg

SAMPLES, LONGEST = 4, 400


@dataclass(frozen=True)
class Sample:
    """A text (cut where it is long), and the example's other features as (name, value)."""

    text: str
    is_cut: bool
    others: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Texts:
    """All there is to show of one text feature.

    report: its section of text_report.json (lengths, vocabulary, out_of_vocabulary), empty where there is none.
    """

    name: str
    samples: Mapping[str, Sequence[Sample]]
    report: Mapping[str, Any]
    growth: Markup | None


def read(folder: Path, splits: Sequence[str], report: Mapping[str, Any]) -> list[Texts]:
    """Each text feature that the report of TextExampleGen is about."""
    rows = {split: list(itertools.islice(examples.read(folder, split), SAMPLES)) for split in splits}
    names = list(report.get("columns", {}))
    return [
        Texts(
            name=name,
            samples={split: [_sample(row, name, names) for row in rows[split] if name in row] for split in splits},
            report=report["columns"][name],
            growth=_growth(name, report["columns"][name]),
        )
        for name in names
    ]  # fmt: skip


def _sample(row: examples.Example, name: str, texts: Sequence[str]) -> Sample:
    text = _joined(row[name])
    others = [(other, _joined(values)) for other, values in sorted(row.items()) if other != name]
    # A translation is read beside its source; file names and the like come after.
    others.sort(key=lambda item: item[0] not in texts)
    return Sample(text[:LONGEST], len(text) > LONGEST, [(one, value[:LONGEST]) for one, value in others])


def _joined(values: Sequence[Any]) -> str:
    return " ".join(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values)  # fmt: skip


def _growth(name: str, report: Mapping[str, Any]) -> Markup | None:
    points = [
        {"x": point["texts"], "y": point["words"], "series": "train"}
        for point in report["vocabulary"]["growth"]
    ]
    if not points:
        return None
    spec = lines(
        [{"x": 0, "y": 0, "series": "train"}, *points], ["train"], "texts of train", "different words"
    )
    spec["encoding"]["color"].update(legend=None)
    return svg(
        spec,
        f"Vocabulary of {name}: {points[-1]['y']:,} different words after {points[-1]['x']:,} texts of train",
    )
