"""What Transform made: the transformed features, what became of values, and the vocabularies."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from reports import tfrecord
from reports.run import feature_statistics, schema_table
from reports.run.feature_statistics import Split

# As components/transform/observed.py writes them.
OBSERVED, MAPS, VOCABULARIES = "observed", "maps.json", "vocabularies.json"
MOST_TOKENS = 40
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary: tokens with their counts (None where they were not counted), the first MOST_TOKENS of `size`."""

    name: str
    size: int
    tokens: Sequence[tuple[str, float | None]]


@dataclass(frozen=True)
class Transformed:
    """The features after Transform; statistics and maps are of the first examples of train, None and empty without.

    maps: transformed feature -> what became of single values (see components/transform/observed.py).
    """

    features: Sequence[schema_pb2.Feature]
    statistics: Split | None
    maps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    vocabularies: Sequence[Vocabulary] = ()


def read(folder: Path) -> Transformed:
    """What a TransformGraph artifact holds; parts that are not there are empty."""
    schema = schema_table.read(folder / "transformed_metadata")
    observed = folder / OBSERVED
    maps = {
        name: one for name, one in _json(observed / MAPS).items() if isinstance(one, dict) and "kind" in one
    }
    return Transformed(
        features=list(schema.feature) if schema else [],
        statistics=feature_statistics.read_file(observed / feature_statistics.FILE, "train"),
        maps=maps,
        vocabularies=_vocabularies(folder / "transform_fn" / "assets", _json(observed / VOCABULARIES)),
    )


def _vocabularies(folder: Path, counted: Mapping[str, Any]) -> list[Vocabulary]:
    found = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        name = path.name.removesuffix(".tfrecord.gz")
        known = counted.get(name, {})
        if known.get("tokens"):
            tokens = [(str(token), float(count)) for token, count in known["tokens"][:MOST_TOKENS]]
            found.append(Vocabulary(name, int(known["size"]), tokens))
        elif (read := _tokens(path)) is not None:
            found.append(Vocabulary(name, known.get("size") or read[1], _counts(read[0])))
    return found


def _counts(tokens: Sequence[str]) -> list[tuple[str, float | None]]:
    """Tokens apart from their counts, where a file has both, as `tft.vocabulary(store_frequency=True)` writes it."""
    pairs = [token.split(" ", 1) for token in tokens]
    if all(len(pair) == 2 and pair[0].isdecimal() for pair in pairs):
        counts = [int(count) for count, _ in pairs]
        if counts == sorted(counts, reverse=True):
            return [(token, float(count)) for count, (_, token) in zip(counts, pairs, strict=True)]
    return [(token, None) for token in tokens]


def _tokens(path: Path) -> tuple[list[str], int] | None:
    """The first tokens of a vocabulary file, and how many there are; None where it cannot be read."""
    try:
        records = tfrecord.records(path) if path.name.endswith(".gz") else iter(_lines(path))
        first = [record.decode("utf-8", "replace") for record in itertools.islice(records, MOST_TOKENS)]
        return first, len(first) + sum(1 for _ in records)
    except tfrecord.DAMAGED:
        return None


def _lines(path: Path) -> list[bytes]:
    if path.stat().st_size > MOST_BYTES:
        raise OSError(f"{path}: too large for a vocabulary")
    return path.read_bytes().splitlines()


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
