"""What changed from one run to another: configuration, code, data, metrics, verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline import facts, runs
from pipeline.metadata import Store
from pipeline.runs import Run

TOP_VALUES = 5

Key = tuple[str, ...]


def compare(store: Store, before: Run, after: Run) -> dict[str, Any]:
    """Differences of two runs of one pipeline, JSON-able.

    Each part (`config`, `code`, `versions`, `files`, `statistics`, `metrics`) is {"same": int, "changed": [{"key":
    [str, ...], "before": value, "after": value}]}, where a side that has no such key is left out; `outcome` has
    what became of the two runs; `missing` says in a line each what could not be compared.
    """
    missing: list[str] = []
    pair = (before, after)
    evaluations = _artifacts(store, pair, "Evaluator", "evaluation")
    verdicts = [facts.verdict(artifact) if artifact else None for artifact in evaluations]
    _say_missing(missing, pair, "Evaluator", "metrics", evaluations, verdicts)
    examples = _artifacts(store, pair, "ExampleGen", "examples")
    files = [_files(artifact) if artifact else None for artifact in examples]
    _say_missing(missing, pair, "ExampleGen", "data files", examples, files)
    return {
        "pipeline": before.pipeline,
        "before": before.id,
        "after": after.id,
        "outcome": _both(_outcome(before, verdicts[0]), _outcome(after, verdicts[1])),
        "config": _both(flat(before.config), flat(after.config)),
        "code": _both(_keyed(before.code), _keyed(after.code)),
        "versions": _both(_keyed(before.versions), _keyed(after.versions)),
        "files": _both(*(found or {} for found in files)) if all(f is not None for f in files) else None,
        "statistics": _statistics(store, pair, missing),
        "metrics": _metrics(*verdicts) if all(verdicts) else None,
        "missing": missing,
    }


def flat(values: Any, prefix: Key = ()) -> dict[Key, Any]:
    """A nested mapping as path of keys -> value; list items by their index, empty ones as they are."""
    if isinstance(values, Mapping) and values:
        items = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, list) and any(isinstance(value, (Mapping, list)) for value in values):
        items = [(str(index), value) for index, value in enumerate(values)]
    else:
        return {prefix: values} if prefix else {}
    return {key: leaf for name, value in items for key, leaf in flat(value, (*prefix, name)).items()}


def read_statistics(artifact: mlmd.Artifact) -> dict[Key, Any] | None:
    """(split, feature, statistic) -> value from an ExampleStatistics artifact; None when its files are not there.

    `examples` of a split has no feature; a feature has `count` and `missing` (examples with and without a value),
    a numeric one `mean` and `std`, any other `distinct` and `top` (value -> frequency).
    """
    found: dict[Key, Any] = {}
    contents = facts.of_splits(artifact, "FeatureStats.pb")
    for split, content in contents.items():
        parsed = statistics_pb2.DatasetFeatureStatisticsList()
        try:
            parsed.ParseFromString(content)
        except DecodeError:
            return None
        for dataset in parsed.datasets:
            found[(split, "", "examples")] = dataset.num_examples
            for feature in dataset.features:
                name = feature.name or ".".join(feature.path.step)
                for statistic, value in _feature(feature).items():
                    found[(split, name, statistic)] = value
    return found if contents else None


def _feature(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, Any]:
    kind = feature.WhichOneof("stats")
    if kind is None:
        return {}
    stats = getattr(feature, kind)
    common = stats.common_stats
    found: dict[str, Any] = {"count": common.num_non_missing, "missing": common.num_missing}
    if kind == "num_stats":
        return {**found, "mean": stats.mean, "std": stats.std_dev}
    if kind == "string_stats":
        top = sorted(stats.top_values, key=lambda value: (-value.frequency, value.value))[:TOP_VALUES]
        return {**found, "distinct": stats.unique, "top": {v.value: v.frequency for v in top}}
    return found


def _statistics(store: Store, pair: tuple[Run, Run], missing: list[str]) -> dict[str, Any] | None:
    artifacts = _artifacts(store, pair, "StatisticsGen", "statistics")
    read = [read_statistics(artifact) if artifact else None for artifact in artifacts]
    _say_missing(missing, pair, "StatisticsGen", "statistics", artifacts, read)
    before, after = read
    return None if before is None or after is None else _both(before, after)


def _metrics(before: Any, after: Any) -> dict[str, Any]:
    def rows(verdict: dict[str, Any]) -> dict[Key, Any]:
        return {(r["slice"], r["output"], r["metric"]): (r["value"], r["ok"]) for r in verdict["metrics"]}

    found = _both(rows(before), rows(after))
    for change in found["changed"]:
        for side in ("before", "after"):
            if side in change:
                change[side], change[f"{side}_ok"] = change[side]
    return found


def _outcome(run: Run, verdict: dict[str, Any] | None) -> dict[Key, Any]:
    return {
        ("state",): run.state,
        ("verdict",): None if verdict is None else ("blessed" if verdict["blessed"] else "not blessed"),
    }


def _files(artifact: mlmd.Artifact) -> dict[Key, Any] | None:
    listed = facts.described(artifact)["files"]
    if not listed:
        return None
    return {(row["split"], row["file"]): {"rows": row.get("rows"), "sha256": row["sha256"]} for row in listed}


def _artifacts(store: Store, pair: tuple[Run, Run], node: str, key: str) -> list[mlmd.Artifact | None]:
    return [runs.outputs_of(store, run.node(node)).get(key) for run in pair]


def _say_missing(
    missing: list[str],
    pair: tuple[Run, Run],
    node: str,
    what: str,
    artifacts: list[mlmd.Artifact | None],
    read: list[Any],
) -> None:
    for run, artifact, found in zip(pair, artifacts, read, strict=True):
        if artifact is None:
            state = run.node(node).state
            reason = f"{node} was not reached" if state == "not reached" else f"{node} made none ({state})"
            missing.append(f"{what} of {run.id}: {reason}")
        elif found is None:
            missing.append(f"{what} of {run.id}: {facts.gone(artifact) or 'not recorded or not readable'}")


def _keyed(values: Mapping[str, Any]) -> dict[Key, Any]:
    return {(key,): value for key, value in values.items()}


def _both(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> dict[str, Any]:
    changed = []
    same = 0
    # Keys of `after` first, in its order, then those that it no longer has.
    for key in [*after, *(key for key in before if key not in after)]:
        if key in before and key in after and _equal(before[key], after[key]):
            same += 1
            continue
        change: dict[str, Any] = {"key": list(key)}
        if key in before:
            change["before"] = before[key]
        if key in after:
            change["after"] = after[key]
        changed.append(change)
    return {"same": same, "changed": changed}


def _equal(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return math.isclose(before, after, rel_tol=1e-9) or (math.isnan(before) and math.isnan(after))
    if isinstance(before, tuple) and isinstance(after, tuple):
        return all(map(_equal, before, after))
    return bool(before == after)
