"""The few files that pages load: the report's style, the app's own, and a script for runs in flight."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reports.page import TEMPLATES

_OWN = Path(__file__).parent / "static"
# Name -> file and media type: nothing else is ever read from disk here.
FILES = {
    "style.css": (TEMPLATES / "style.css", "text/css"),
    "ui.css": (_OWN / "ui.css", "text/css"),
    "live.js": (_OWN / "live.js", "text/javascript"),
}


def address(name: str) -> str:
    """The address of a file, which changes with its content, so that browsers can keep it."""
    return f"/static/{name}?{_digest(name)}"


def file(request: Request) -> Response:
    """One of FILES."""
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404, f"There is no file {name!r}.")
    path, kind = FILES[name]
    return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "max-age=86400"})


@functools.cache
def _digest(name: str) -> str:
    return hashlib.sha256(FILES[name][0].read_bytes()).hexdigest()[:10]
