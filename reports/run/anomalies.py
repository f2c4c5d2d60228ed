"""What ExampleValidator found: anomalies as sentences with some of their examples, drift and skew with their bounds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.example_validator.constants import ROWS_FILE
from reports.run.feature_statistics import order

FILE = "SchemaDiff.pb"
MOST_ROWS, MOST_COLUMNS = 5, 8
_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "L-infinity",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon",
    anomalies_pb2.DriftSkewInfo.Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE: "normalized difference",
}


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some examples that an anomaly is about: position in the split and values, the broken feature first.

    examined: how many examples of the split were looked at.
    """

    examined: int
    columns: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """A rule of the schema that a split breaks; `feature` is empty where the whole split is meant."""

    split: str
    feature: str
    rule: str
    sentence: str
    rows: Rows | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A distance between two distributions of a feature: kind is drift (to earlier data) or skew (train to eval)."""

    feature: str
    kind: str
    measure: str
    value: float
    threshold: float

    @property
    def is_high(self) -> bool:
        return self.value > self.threshold


@dataclasses.dataclass(frozen=True)
class Findings:
    """All anomalies of all splits, and all comparisons that were made."""

    anomalies: Sequence[Anomaly]
    comparisons: Sequence[Comparison]

    def of(self, feature: str) -> list[Comparison]:
        """The comparisons of a feature."""
        return [one for one in self.comparisons if one.feature == feature]

    @property
    def features(self) -> set[str]:
        """The features that something is wrong with."""
        return {one.feature for one in self.anomalies}


def read(folder: Path) -> Findings | None:
    """What an ExampleAnomalies artifact holds; None where no file of it can be read."""
    anomalies: list[Anomaly] = []
    comparisons: list[Comparison] = []
    files = 0
    paths = {path.parent.name.removeprefix("Split-"): path for path in folder.glob(f"Split-*/{FILE}")}
    for split in sorted(paths, key=order):
        path = paths[split]
        try:
            found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        except (OSError, DecodeError):
            continue
        files += 1
        rows = _rows(path.with_name(ROWS_FILE))
        for name, info in sorted(found.anomaly_info.items()):
            feature = ".".join(info.path.step) or name
            reasons = info.reason or [info]
            for place, reason in enumerate(reasons):
                anomalies.append(
                    Anomaly(
                        split,
                        feature,
                        reason.short_description,
                        reason.description,
                        None if place else rows.get(feature),
                    )
                )
        if found.HasField("dataset_anomaly_info"):
            for reason in found.dataset_anomaly_info.reason:
                anomalies.append(Anomaly(split, "", reason.short_description, reason.description))
        if found.data_missing:
            anomalies.append(Anomaly(split, "", "No data", "The split has no examples."))
        for compared in found.drift_skew_info:
            for kind, measurements in (
                ("drift", compared.drift_measurements),
                ("skew", compared.skew_measurements),
            ):
                for one in measurements:
                    measure = _MEASURES.get(one.type, "distance")
                    feature = ".".join(compared.path.step)
                    comparisons.append(Comparison(feature, kind, measure, one.value, one.threshold))
    return Findings(anomalies, comparisons) if files else None


def _rows(path: Path) -> Mapping[str, Rows]:
    try:
        known: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: _table(one) for name, one in known.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}


def _table(one: Mapping[str, Any]) -> Rows:
    kept = one["rows"][:MOST_ROWS]
    columns = list(dict.fromkeys(name for row in kept for name in row["values"]))[:MOST_COLUMNS]
    rows = [(int(row["position"]), [shown(row["values"].get(name)) for name in columns]) for row in kept]
    return Rows(int(one["examined"]), columns, rows)


def shown(value: Any) -> str:
    """A value of an example as text; a missing one is an empty text."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
