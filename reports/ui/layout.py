"""Pages of the app: templates of `reports/templates/ui`, which extend `ui/layout.html`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from reports.page import render
from reports.ui import links, static

# State -> class of the style sheet.
STYLES = {
    "succeeded": "ok",
    "complete": "ok",
    "cached": "cached",
    "running": "warn",
    "interrupted": "warn",
    "failed": "bad",
    "gate_failed": "bad",
}


def response(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page as answer to a request.

    Args:
      request: the request.
      template: its name below `reports/templates`; it extends `ui/layout.html` and has the blocks `title`, `head`, `main`.
      status: HTTP status.
      values: what the template shows; all of it is escaped but Markup. `crumbs` (pairs of text and address, the last one
        without an address) is the way to this page; `home`, `link` (reports.ui.links), `asset` and `styles` are there always.
    """
    always = {
        "crumbs": (),
        "home": request.app.state.home,
        "link": links,
        "asset": static.address,
        "styles": STYLES,
    }
    return HTMLResponse(str(render(template, **{**always, **values})), status)
