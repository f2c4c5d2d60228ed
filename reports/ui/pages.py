"""The lists: pipelines, the runs of one, the models that it pushed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from common import remote_files
from common.errors import BadInput
from pipeline.metadata import NoRuns
from pipeline.runs import EVALUATION, TRAINING, nearest
from reports.ui import filters, links, live
from reports.ui.index import Index, Row
from reports.ui.layout import response

_METRICS = 2


def pipelines(request: Request) -> HTMLResponse:
    """All pipelines that have run, each with its last run, and what it pushed last."""
    index: Index = request.app.state.index
    last = index.pipelines()
    if not last:
        raise NoRuns("no runs yet")
    counts = index.counts()
    rows = [live.as_seen(request.app.state.home, row) for row in index.with_outcomes(last.values())]
    pushed = {name: _last_push(index, name) for name in last}
    return response(
        request,
        "ui/pipelines.html",
        rows=[(row, metrics_of(row), counts and counts[row.pipeline]) for row in rows],
        pushed=pushed,
        evaluated={name: evaluation_of(push, last_evaluations(index, name)) for name, push in pushed.items()},
    )


def runs(request: Request) -> HTMLResponse:
    """The runs of a pipeline and its evaluations on unseen data, filtered, a page at a time."""
    index: Index = request.app.state.index
    pipeline = known_pipeline(request)
    chosen = filters.parse(request.query_params)
    number = request.query_params.get("page", "1")
    home = request.app.state.home
    # The first page is there before all runs are read.
    at_least = filters.PAGE if chosen.is_empty and number == "1" else None
    # What runs is judged by its process, before it is filtered by its state.
    rows = [live.as_seen(home, row) for row in index.runs(pipeline, at_least, kind="")]
    page = filters.page([row for row in rows if chosen.fits(row)], number)
    shown = [live.as_seen(home, row) for row in index.with_outcomes(page.items)]
    names = metric_names(shown)
    push = _last_push(index, pipeline)
    return response(
        request,
        "ui/runs.html",
        crumbs=[(pipeline, None)],
        evaluated=evaluation_of(push, last_evaluations(index, pipeline)),
        evaluations=sum(row.kind == EVALUATION for row in rows),
        kinds=filters.KINDS,
        pair=compared([row for row in shown if row.kind == TRAINING]),
        pipeline=pipeline,
        rows=shown,
        page=page,
        names=names,
        all=len(rows) if index.counts() else None,
        filter=chosen,
        states=filters.STATES,
        versions={row.context_id: row.outcome.pushed for row in pushes(_with(rows, shown)) if row.outcome},
        unread=unread(rows) if chosen.pushed else 0,
        others=[links.pipeline(pipeline, **chosen.query, page=n) for n in (page.number - 1, page.number + 1)],
    )


def models(request: Request) -> HTMLResponse:
    """The models that a pipeline pushed, the last one first, and which are still there to be served."""
    pipeline = known_pipeline(request)
    index: Index = request.app.state.index
    listed = index.runs(pipeline)
    pushed = pushes(listed)
    known = last_evaluations(index, pipeline)
    page = filters.page(pushed, request.query_params.get("page", "1"))
    return response(
        request,
        "ui/models.html",
        crumbs=[(pipeline, links.pipeline(pipeline)), ("models", None)],
        pipeline=pipeline,
        page=page,
        unread=unread(listed),
        rows=[(row, row.outcome, is_served(row)) for row in page.items],
        evaluated={row.context_id: evaluation_of(row, known) for row in page.items},
        former={row.context_id: before for row, before in itertools.pairwise(pushed)},
        names=metric_names(page.items),
        others=[links.models(pipeline, page=n) for n in (page.number - 1, page.number + 1)],
    )


def known_pipeline(request: Request) -> str:
    """The pipeline that an address names.

    Raises:
      BadInput: it has never run.
    """
    name = str(request.path_params["pipeline"])
    known = request.app.state.index.pipelines()
    if not known:
        raise NoRuns("no runs yet")
    if name not in known:
        raise BadInput(f"No pipeline {name!r} has run{nearest(name, known)}.")
    return name


def pushes(rows: Sequence[Row]) -> list[Row]:
    """Of runs, the last one first: those that pushed a model.

    A run that found its model served already records a push of the same version again, and is none of them.
    """
    found: list[Row] = []
    former = None
    for row in reversed(rows):
        if row.outcome is not None and row.outcome.pushed is not None:
            version = (row.outcome.pushed, row.outcome.model)
            if version != former:
                found.append(row)
            former = version
    return found[::-1]


def last_evaluations(index: Index, pipeline: str) -> dict[int, Row]:
    """Model -> its last evaluation on unseen data that has ended, as far as they are read."""
    found: dict[int, Row] = {}
    for row in index.runs(pipeline, at_least=0, kind=EVALUATION):
        if row.model is not None and row.has_ended:
            found.setdefault(row.model, row)
    return found


def evaluation_of(push: Row | None, known: Mapping[int, Row]) -> Row | None:
    """Of evaluations by their models that of the model which a run pushed."""
    model = push.outcome.model if push and push.outcome else None
    return None if model is None else known.get(model)


def compared(rows: Sequence[Row]) -> tuple[str, str]:
    """Which two of the runs, the last one first, are compared unless others are chosen; empty without any."""
    return (rows[min(1, len(rows) - 1)].id, rows[0].id) if rows else ("", "")


def is_served(row: Row) -> bool | None:
    """Whether the version that a run pushed is still there; None in an object store, which is not asked for lists."""
    where = row.outcome.destination if row.outcome else None
    if where and remote_files.is_remote(where):
        return None
    return bool(where) and Path(str(where)).is_dir()


def unread(rows: Iterable[Row]) -> int:
    """How many runs there are whose outcome is still to be read."""
    return sum(row.outcome is None and row.has_ended for row in rows)


def _last_push(index: Index, pipeline: str) -> Row | None:
    """The last run that pushed a model, of the latest ones."""
    return next(iter(pushes(index.with_outcomes(index.runs(pipeline, filters.PAGE)[: filters.PAGE]))), None)


def _with(rows: Iterable[Row], told: Iterable[Row]) -> list[Row]:
    """Runs, with what is known of some of them."""
    known = {row.context_id: row for row in told}
    return [known.get(row.context_id, row) for row in rows]


def metric_names(rows: Iterable[Row], most: int = _METRICS) -> list[str]:
    """The metrics that a list shows: first those that the last run's gates name, then others."""
    rows = list(rows)
    known = dict.fromkeys(name for row in rows if row.outcome for name in row.outcome.metrics)
    gates = _gates(rows[0].config) if rows else []
    bounded = [name for name in known if name in gates or name.rpartition(" ")[2] in gates]
    return list(dict.fromkeys([*bounded, *known]))[:most]


def metrics_of(row: Row) -> dict[str, float]:
    """The first metrics of a run, by name."""
    values = row.outcome.metrics if row.outcome else {}
    return {name: values[name] for name in metric_names([row])}


def _gates(config: str) -> list[str]:
    """The metrics that the gates of a configuration name."""
    try:
        found: Any = json.loads(config or "{}")
        return [str(gate["metric"]) for gate in found["evaluation"]["gates"]]
    except (ValueError, KeyError, TypeError):
        return []
