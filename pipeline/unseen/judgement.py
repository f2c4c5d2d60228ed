"""What came of an evaluation on unseen data: anomalies, drift, metrics, and whether the bounds hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.example_validator.constants import DRIFT
from pipeline import gates

OVERALL = "overall"
# Anomalies, columns and reasons that are recorded of an evaluation; its artifacts have all.
MOST = 100

if TYPE_CHECKING:
    from pipeline.node import NodeResult


@dataclass(frozen=True)
class Judgement:
    """JSON-able: broken are the anomalies that are no drift; drift and metrics are rows of `drift.json` and `verdict.json`, of the metrics the overall ones.

    reasons: why the verdict is against the model or the data, a line each; none where all bounds hold.
    """

    examples: int
    anomalies: list[str]
    broken: list[str]
    drift: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    reasons: list[str]

    @property
    def drifted(self) -> list[str]:
        """Columns that moved, the farthest first."""
        return [row["column"] for row in self.drift if row["drifted"]]

    def dump(self) -> str:
        """All of it as JSON, but for what is long: a server that keeps ML Metadata has room for so much in a text."""
        content = asdict(self)
        return json.dumps(
            {**content, **{key: content[key][:MOST] for key in ("anomalies", "broken", "drift", "reasons")}}
        )


def load(text: str) -> Judgement:
    """What `dump` wrote."""
    return Judgement(**json.loads(text))


def anomalies(results: Mapping[str, NodeResult]) -> list[str]:
    """A line for each anomaly of the data; none where the ExampleValidator was not reached."""
    if "ExampleValidator" not in results:
        return []
    (found,) = results["ExampleValidator"].outputs["anomalies"]
    return gates.anomalies(found)


def judge(results: Mapping[str, NodeResult], not_measured: Sequence[str] = ()) -> Judgement:
    """The judgement of nodes that ran; without an Evaluator's result the anomalies alone.

    not_measured: why there is none.
    """
    (found,) = results["ExampleValidator"].outputs["anomalies"]
    lines = anomalies(results)
    reasons = []
    if lines:
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        reasons.append(f"data: {lines[0]}{more}")
    reasons += not_measured
    metrics = []
    if "Evaluator" in results:
        (evaluation,) = results["Evaluator"].outputs["evaluation"]
        verdict = gates.verdict(evaluation)
        metrics = [row for row in verdict["metrics"] if row["slice"] == OVERALL]
        failed = [row for row in verdict["metrics"] if row["ok"] is False]
        reasons += [gates.describe(row, verdict["baseline_is"]) for row in failed]
        reasons += [f"no examples in the required slice {name}" for name in verdict["missing_slices"]]
    broken = gates.anomalies(found, drift=False)
    (statistics,) = results["StatisticsGen"].outputs["statistics"]
    return Judgement(_examples(Path(statistics.uri)), lines, broken, drift(Path(found.uri)), metrics, reasons)


def _examples(statistics: Path) -> int:
    files = statistics.glob("Split-*/FeatureStats.pb")
    found = (statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()) for file in files)
    return sum(one.datasets[0].num_examples for one in found)


def drift(artifact: Path) -> list[dict[str, Any]]:
    """The rows of `drift.json`, the largest divergence first; none where there was nothing to compare with."""
    file = artifact / DRIFT
    return json.loads(file.read_text()) if file.is_file() else []
