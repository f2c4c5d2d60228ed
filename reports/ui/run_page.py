"""The page of a run: while it goes on what its components do, after it the report."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.errors import BadInput
from pipeline import facts as artifact_facts
from pipeline import lock, runs
from pipeline.home import Home
from pipeline.metadata import Store
from pipeline.runs import Run
from reports import run_report
from reports.page import Section
from reports.run_facts import RunFacts
from reports.ui import filters, links, live, pages
from reports.ui.index import Index, Row
from reports.ui.layout import response

_REFRESH_SECONDS = 2


class Reports:
    """The reports that were asked for last, by run and when it changed."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._made: OrderedDict[tuple[int, int], Sequence[Section]] = OrderedDict()
        self._lock = threading.Lock()

    def sections(self, facts: RunFacts, changed: int) -> Sequence[Section]:
        """The sections of a report, made now or before."""
        key = (facts.run.context_id, changed)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = run_report.sections(facts)
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        return made


def run(request: Request) -> Response:
    """One run, chosen as for `mlpipe status`: an id or the start of one, last, last~N, vN or evaluation."""
    pipeline = pages.known_pipeline(request)
    selector = request.path_params["run"]
    state = request.app.state
    with state.stores.borrow() as store:
        found = _find(store, pipeline, selector)
        if found.id != selector:
            return RedirectResponse(links.run(pipeline, found.id))
        [told] = state.index.with_outcomes([state.index.row(found.context_id)])
        row = live.as_seen(state.home, told)
        if row.state == "running":
            return response(request, "ui/running.html", **_head(request, row), **_now(state.home, found, row))
        facts = RunFacts(state.home, store, found)
        sections = state.reports.sections(facts, row.changed)
        return response(
            request,
            "ui/run.html",
            sections=sections,
            artifacts=_artifacts(facts),
            **_head(request, row),
        )


def progress(request: Request) -> Response:
    """The part of the page of a run in flight that changes; when it has ended, the page is to be loaded again."""
    pipeline = pages.known_pipeline(request)
    state = request.app.state
    with state.stores.borrow() as store:
        found = _find(store, pipeline, request.path_params["run"])
    row = live.as_seen(state.home, state.index.row(found.context_id))
    headers = {} if row.state == "running" else {"X-Ended": row.state}
    answer = response(request, "ui/progress.html", **_now(state.home, found, row))
    answer.headers.update(headers)
    return answer


def _find(store: Store, pipeline: str, selector: str) -> Run:
    try:
        return runs.get_run(store, pipeline, selector)
    except BadInput:
        # The reports name each other as files.
        if not selector.endswith(".html"):
            raise
        return runs.get_run(store, pipeline, selector.removesuffix(".html"))


def _head(request: Request, row: Row) -> dict[str, Any]:
    """What stands above both kinds of page: the way here, the state, the runs of its kind beside it."""
    index: Index = request.app.state.index
    listed = index.runs(row.pipeline, filters.PAGE, row.kind)
    earlier = [other for other in listed if other.context_id < row.context_id]
    later = [other for other in listed if other.context_id > row.context_id]
    return {
        "crumbs": [(row.pipeline, links.pipeline(row.pipeline)), (row.id, None)],
        "pipeline": row.pipeline,
        "row": row,
        "before": next(iter(earlier), None),
        "after": next(reversed(later), None),
        "last_push": next(iter(pages.pushes(earlier)), None),
        "evaluated": pages.evaluation_of(row, pages.last_evaluations(index, row.pipeline)),
        "is_served": bool(row.outcome and row.outcome.pushed) and pages.is_served(row) is not False,
    }


def _now(home: Home, found: Run, row: Row) -> dict[str, Any]:
    holder = lock.holder(home, found.recorded_under)
    return {
        "nodes": found.nodes,
        "started": row.started,
        "process": holder.pid if holder and holder.run_id == found.id else None,
        "last_line": live.last_progress(home, found.recorded_under, found.id),
        "refresh": _REFRESH_SECONDS,
    }


def _artifacts(facts: RunFacts) -> list[tuple[str, str, mlmd.Artifact, str | None, bool]]:
    """(node, key, artifact, why its files are gone, whether the cache answered with it), in the order of the DAG."""
    return [
        (node.id, key, artifact, artifact_facts.gone(artifact), node.state == "cached")
        for node in facts.nodes
        for key, made in sorted(facts.made(node.id).items())
        for artifact in made
    ]
