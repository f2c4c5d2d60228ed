"""What a request that cannot be answered shows: one clear line, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from common.errors import BadInput, UserError
from pipeline.metadata import NoRuns
from reports.ui.layout import response

log = logging.getLogger(__name__)


def _no_runs(request: Request, error: Exception) -> HTMLResponse:
    return response(request, "ui/empty.html")


def _not_found(request: Request, error: Exception) -> HTMLResponse:
    return _page(request, 404, "Not found", str(error))


def _trouble(request: Request, error: Exception) -> HTMLResponse:
    return _page(request, 503, "ML Metadata cannot be read", str(error))


def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)
    title = "Not found" if error.status_code == 404 else "Not possible"
    line = "There is no such page." if error.detail == "Not Found" else error.detail
    return _page(request, error.status_code, title, line)


def _unexpected(request: Request, error: Exception) -> HTMLResponse:
    log.error("%s", request.url.path, exc_info=error)
    return _page(request, 500, "This page cannot be made", f"{type(error).__name__}: {error}")


def _page(request: Request, status: int, title: str, line: str) -> HTMLResponse:
    return response(request, "ui/error.html", status, title=title, line=line)


HANDLERS: Mapping[Any, Callable[[Request, Any], HTMLResponse]] = {
    NoRuns: _no_runs,
    BadInput: _not_found,
    UserError: _trouble,
    HTTPException: _refused,
    Exception: _unexpected,
}
