"""The pages of pipelines."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from pipeline import metadata, runs
from reports.ui.layout import response


def pipelines(request: Request) -> HTMLResponse:
    """All pipelines that have run, each with its last run."""
    with request.app.state.stores.borrow() as store:
        found = [runs.last_run(store, name) for name in metadata.pipelines(store)]
    rows = [run for run in found if run is not None]
    if not rows:
        raise metadata.NoRuns("no runs yet")
    return response(request, "ui/pipelines.html", rows=rows)
