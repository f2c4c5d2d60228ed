"""The metrics of the last runs, with the pushes marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import facts as artifact_facts
from pipeline import metadata, pushes, runs
from reports import charts, words
from reports.page import Section, render
from reports.run_facts import RunFacts

RUNS = 30
MOST_CHARTS = 8
_KINDS = {"pushed": charts.OK, "blessed": charts.SERIES[0], "not blessed": charts.BAD}
_KINDS_ON_UNSEEN_DATA = {"bounds hold": charts.SERIES[0], "against it": charts.BAD}


@dataclass(frozen=True)
class Point:
    """A run that was evaluated: overall rows of its verdict by (output, metric), and the version that it pushed.

    kind: what came of it, by which its points are coloured; about: of an evaluation on unseen data.
    """

    run: str
    state: str
    kind: str
    version: int | None
    about: str
    rows: dict[tuple[str, str], Mapping[str, Any]]


def section(facts: RunFacts) -> Section:
    """A chart for each metric over the runs up to this one."""
    points = history(facts)
    if len(points) < 2:
        found = "only this run was" if points else "no run was"
        return Section("trend", "Trend", empty=f"There is no trend yet: {found} evaluated.")
    keys = list(dict.fromkeys(key for point in points for key in point.rows))
    bounded = [key for key in keys if any(key in p.rows and p.rows[key]["ok"] is not None for p in points)]
    shown = [*bounded, *(key for key in keys if key not in bounded)]
    html = render(
        "trend.html",
        charts=[_chart(points, key, facts.id) for key in shown[:MOST_CHARTS]],
        points=points[::-1],
        keys=shown,
        current=facts.id,
        is_evaluation=facts.is_evaluation,
        left_out=len(shown[MOST_CHARTS:]),
    )
    return Section("trend", "Trend", html)


def history(facts: RunFacts) -> list[Point]:
    """The last runs up to this one that were evaluated and whose evaluation is still there, oldest first."""
    contexts = [
        c
        for c in metadata.run_contexts(facts.store, facts.run.recorded_under)
        if c.id <= facts.run.context_id
    ][-RUNS:]
    evaluators: dict[int, mlmd.Context] = {}
    pushers: dict[int, int] = {}
    for context in contexts:
        for execution in metadata.executions_of(facts.store, context):
            kind = execution.type.rpartition(".")[2]
            if kind in ("Evaluator", "Pusher") and _is_of(facts, execution.id, kind):
                if kind == "Evaluator":
                    evaluators[execution.id] = context
                else:
                    pushers[execution.id] = context.id
    events = metadata.events_of_executions(facts.store, [*evaluators, *pushers])
    made = {e.artifact_id: e.execution_id for e in events if e.type in metadata.OUTPUTS}
    outputs: dict[int, list[mlmd.Artifact]] = {}
    known = {artifact.id: artifact for artifact in metadata.artifacts(facts.store, made)}
    for event in events:
        if event.type in metadata.OUTPUTS and event.artifact_id in known:
            outputs.setdefault(event.execution_id, []).append(known[event.artifact_id])
    versions = {
        context: pushes.version(artifact)
        for execution, context in pushers.items()
        for artifact in outputs.get(execution, [])
        if pushes.is_push(artifact)
    }
    points = [
        _point(context, artifact, versions.get(context.id))
        for execution, context in sorted(evaluators.items())
        for artifact in outputs.get(execution, [])
        if artifact.type == "ModelEvaluation"
    ]
    return list({point.run: point for point in points if point is not None}.values())


def _is_of(facts: RunFacts, execution_id: int, node: str) -> bool:
    """Whether an execution is of this pipeline: another may have a run of the same id."""
    context = metadata.contexts_of(facts.store, execution_id).get("node")
    return context is not None and context.name == f"{facts.run.recorded_under}.{node}"


def _point(context: mlmd.Context, artifact: mlmd.Artifact, version: int | None) -> Point | None:
    verdict = artifact_facts.verdict(artifact)
    if verdict is None:
        return None
    rows = {
        (row["output"], row["metric"]): row
        for row in verdict["metrics"]
        if row["slice"] == "overall" and row["value"] is not None
    }
    state, about = runs.text(context, "mlpipe_state"), runs.text(context, "mlpipe_about")
    kind = "pushed" if version else "blessed" if verdict["blessed"] else "not blessed"
    if about:
        kind = "bounds hold" if state == "succeeded" else "against it"
    return Point(context.name, state, kind, version, about, rows)


def _chart(points: Sequence[Point], key: tuple[str, str], current: str) -> Markup:
    name = " ".join(part for part in key if part).replace("_", " ")
    values = [
        {
            "x": place,
            "y": point.rows[key]["value"],
            "kind": point.kind,
            "text": f"v{point.version}" if point.version else "",
            "now": point.run == current,
        }
        for place, point in enumerate(points, 1)
        if key in point.rows
    ]
    last = next(point.rows[key] for point in reversed(points) if key in point.rows)
    bounds = [{"y": last[side]} for side in ("lower", "upper") if last[side] is not None]
    title = f"the last {len(points)} evaluated runs"
    x: dict[str, Any] = {"field": "x", "type": "quantitative", "title": title}
    x |= {
        "axis": {"tickMinStep": 1, "format": "d", "grid": False},
        "scale": {"domain": [0.5, len(points) + 0.5], "nice": False},
    }
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": None, "scale": {"zero": False}}
    kinds = _KINDS_ON_UNSEEN_DATA if points[-1].about else _KINDS
    scale = {"domain": list(kinds), "range": list(kinds.values())}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "color": charts.MUTED, "strokeWidth": 1, "opacity": 0.7},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "point", "size": 45, "filled": True, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": {"field": "kind", "type": "nominal", "scale": scale}},
        },
        {
            "mark": {"type": "text", "dy": -10, "fontSize": 10, "color": charts.OK},
            "encoding": {"x": x, "y": y, "text": {"field": "text"}},
        },
    ]
    if bounds:
        layers.insert(
            0,
            {
                "data": {"values": bounds},
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": charts.BAD, "opacity": 0.8},
                "encoding": {"y": {"field": "y", "type": "quantitative"}},
            },
        )
    spec = {"data": {"values": values}, "layer": layers, "title": name}
    return charts.svg(
        spec, f"{name} over the last {len(points)} evaluated runs; now {words.number(values[-1]['y'])}"
    )
