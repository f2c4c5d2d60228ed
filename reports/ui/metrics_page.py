"""The metrics of a pipeline over time, with the pushes marked."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from common.errors import BadInput
from pipeline.runs import EVALUATION, seconds_between
from reports import charts, words
from reports.ui import filters, links, pages
from reports.ui.index import Index, Row
from reports.ui.layout import response

CHOICES = (50, 200, 1000)
_MOST_CHARTS = 6
# More names of versions than these would cover each other.
_MOST_NAMES = 40
_UNSEEN = "on new data"
_KINDS = {
    "pushed": charts.OK,
    "blessed": charts.SERIES[0],
    "not blessed": charts.BAD,
    _UNSEEN: charts.SERIES[1],
}


def metrics(request: Request) -> HTMLResponse:
    """A chart for each metric over the last runs that were evaluated, and their values in a table."""
    pipeline = pages.known_pipeline(request)
    last = _number(request.query_params.get("last", str(CHOICES[1])))
    index: Index = request.app.state.index
    kind = filters.parse({"kind": request.query_params.get("kind", "")}).kind
    listed = index.runs(pipeline, kind=kind)
    versions = {row.context_id: row.outcome.pushed for row in pages.pushes(listed) if row.outcome}
    measured = [row for row in listed if row.outcome and row.outcome.metrics][:last]
    names = pages.metric_names(measured, most=_MOST_CHARTS)
    page = filters.page(measured, request.query_params.get("page", "1"))
    return response(
        request,
        "ui/metrics.html",
        crumbs=[(pipeline, links.pipeline(pipeline)), ("metrics", None)],
        pipeline=pipeline,
        charts=[_drawn(name, json.dumps(_points(name, measured[::-1], versions))) for name in names],
        names=names,
        choices=CHOICES,
        last=last,
        kind=kind,
        kinds=("", *filters.KINDS),
        count=len(measured),
        page=page,
        versions=versions,
        unread=pages.unread(listed),
        others=[
            links.metrics(pipeline, last=last, kind=kind, page=n) for n in (page.number - 1, page.number + 1)
        ],
    )


def _number(text: str) -> int:
    if text not in map(str, CHOICES):
        raise BadInput(f"last={text}: choose one of {', '.join(map(str, CHOICES))}.")
    return int(text)


def _points(name: str, rows: Sequence[Row], versions: Mapping[int, int | None]) -> list[dict[str, Any]]:
    """The values of a metric, oldest first: time, value, what became of the run, and the version where it was pushed."""
    found = []
    for row in rows:
        value = row.outcome.metrics.get(name) if row.outcome else None
        if not isinstance(value, (int, float)) or not math.isfinite(value) or row.outcome is None:
            continue
        version = versions.get(row.context_id)
        kind = "pushed" if version else "blessed" if row.outcome.blessed else "not blessed"
        if row.kind == EVALUATION:
            kind = _UNSEEN
        found.append({"x": row.started, "y": value, "kind": kind, "text": f"v{version}" if version else ""})
    return found


def _format(points: Sequence[Mapping[str, Any]]) -> str:
    """How times are written below a chart."""
    took = seconds_between(points[0]["x"], points[-1]["x"]) or 0
    if took < 36 * 3600:
        return "%H:%M"
    return "%m-%d" if took < 300 * 86400 else "%Y-%m"


@functools.lru_cache(maxsize=64)
def _drawn(name: str, points: str) -> Markup:
    """The chart of one metric; the points are JSON, by which it is found again."""
    values = json.loads(points)
    if not values:
        return Markup()
    axis = {"labelOverlap": True, "tickCount": 6, "format": _format(values)}
    x = {"field": "x", "type": "temporal", "title": None, "axis": axis, "scale": {"type": "utc"}}
    y = {"field": "y", "type": "quantitative", "title": None, "scale": {"zero": False}}
    pushes = [value for value in values if value["text"]]
    trained = [value for value in values if value["kind"] != _UNSEEN]
    kinds = _KINDS if len(trained) < len(values) else {k: c for k, c in _KINDS.items() if k != _UNSEEN}
    scale = {"domain": list(kinds), "range": list(kinds.values())}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": trained},
            "mark": {"type": "line", "color": charts.MUTED, "strokeWidth": 1, "opacity": 0.7},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "point", "size": 40 if len(values) <= 200 else 14, "filled": True, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": {"field": "kind", "type": "nominal", "scale": scale}},
        },
        {
            "data": {"values": pushes[-_MOST_NAMES:]},
            "mark": {"type": "text", "dy": -10, "fontSize": 10, "color": charts.OK},
            "encoding": {"x": x, "y": y, "text": {"field": "text"}},
        },
    ]
    title = name.replace("_", " ")
    spec = {"data": {"values": values}, "layer": layers, "title": title, "width": 520, "height": 170}
    parts = []
    if trained:
        last = words.number(trained[-1]["y"])
        parts.append(f"of {len(trained)} runs, {len(pushes)} of them pushed; the last is {last}")
    if len(trained) < len(values):
        parts.append(f"of {len(values) - len(trained)} evaluations on new data")
    return charts.svg(spec, f"{title} {'; '.join(parts)}")
