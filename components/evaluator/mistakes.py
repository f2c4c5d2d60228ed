"""The predictions that are most wrong: kept while examples pass by, then written as JSON and pictures."""

from __future__ import annotations

import heapq
import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.evaluator.constants import MISTAKES_FILE

_PICTURES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
_LONGEST_NAME = 40


@dataclass(frozen=True, order=True)
class Mistake:
    """A wrong prediction; the larger `weight` is, the worse. Equal ones are told apart by their serialized example.

    true, predicted: class indices, or values of the label `output`. score_of_true: of a class that the model knows.
    """

    weight: float
    example: bytes
    output: str = ""
    true: float = 0
    predicted: float = 0
    score_of_true: float | None = None


class Worst:
    """The `most` worst mistakes of each output."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, list[Mistake]] = {}

    def asks_for(self, weight: float, output: str = "") -> bool:
        """Whether a mistake of that weight would be kept."""
        kept = self._kept.get(output, [])
        return len(kept) < self._most or (bool(kept) and weight >= kept[0].weight)

    def add(self, mistake: Mistake) -> None:
        kept = self._kept.setdefault(mistake.output, [])
        if len(kept) < self._most:
            heapq.heappush(kept, mistake)
        elif kept:
            heapq.heappushpop(kept, mistake)

    def merge(self, others: Iterable[Worst]) -> Worst:
        """Adds the mistakes that others kept."""
        for other in others:
            for mistake in other:
                self.add(mistake)
        return self

    def __iter__(self) -> Iterator[Mistake]:
        """Output by output, the worst first."""
        for output in sorted(self._kept):
            yield from sorted(self._kept[output], reverse=True)


def write(folder: Path, worst: Worst, class_names: Sequence[str] | None) -> None:
    """Writes `mistakes.json`, and beside it the pictures that are among the features; nothing where none is kept.

    class_names: of a classifier; without them mistakes are residuals.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = list(worst)
    if not found:
        return
    folder.mkdir(parents=True)
    digits = max(2, len(str(len(found))))
    rows = []
    ranks: Counter[str] = Counter()
    for mistake in found:
        ranks[mistake.output] += 1
        rank = ranks[mistake.output]
        stem = f"{rank:0{digits}d}_{_told_by_name(mistake, class_names)}"
        features, pictures = _features(mistake.example)
        files = {name: f"{stem}{'_' + _plain(name) if len(pictures) > 1 else ''}" for name in pictures}
        for name, picture in pictures.items():
            files[name] += _suffix(picture)
            (folder / files[name]).write_bytes(picture)
        row = {"rank": rank, **_told(mistake, class_names), "features": features}
        rows.append({**row, "files": list(files.values())} if files else row)
    (folder / MISTAKES_FILE).write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


def _told(mistake: Mistake, class_names: Sequence[str] | None) -> dict[str, Any]:
    if class_names is None:
        return {
            "output": mistake.output,
            "true": mistake.true,
            "predicted": mistake.predicted,
            "residual": mistake.true - mistake.predicted,
        }
    return {
        "true": name_of(class_names, int(mistake.true)),
        "predicted": name_of(class_names, int(mistake.predicted)),
        "confidence": mistake.weight,
        "score_of_true": mistake.score_of_true,
    }


def _told_by_name(mistake: Mistake, class_names: Sequence[str] | None) -> str:
    """The same as a part of a file name."""
    if class_names is None:
        return _plain(mistake.output) or "output"
    true, predicted = _of_class(class_names, mistake.true), _of_class(class_names, mistake.predicted)
    return f"true-{true}_predicted-{predicted}"


def name_of(class_names: Sequence[str], index: int) -> str | None:
    """The name of a class; None for a label that is missing or that the model was not trained on."""
    return class_names[index] if 0 <= index < len(class_names) else None


def _features(serialized: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The raw features as JSON-able values, and those that are pictures."""
    rows: dict[str, Any] = {}
    pictures: dict[str, bytes] = {}
    for name, feature in sorted(tf.train.Example.FromString(serialized).features.feature.items()):
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if len(values) == 1 and kind == "bytes_list" and _suffix(values[0]):
            pictures[name] = values[0]
            continue
        shown = [_shown(value) for value in values]
        rows[name] = shown[0] if len(shown) == 1 else shown or None
    return rows, pictures


def _shown(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value if value == value and abs(value) != float("inf") else None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"{len(value)} bytes"


def _suffix(value: bytes) -> str:
    return next((suffix for magic, suffix in _PICTURES.items() if value.startswith(magic)), "")


def _of_class(class_names: Sequence[str], index: float) -> str:
    name = name_of(class_names, int(index))
    return "unknown" if name is None else _plain(name) or f"class-{int(index)}"


def _plain(name: str) -> str:
    """A part of a file name that every system takes: small ASCII letters, digits and hyphens."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_LONGEST_NAME].strip("-")
