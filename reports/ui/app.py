"""The web app of `mlpipe ui`: its routes."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from pipeline.home import Home
from reports import what_if
from reports.ui import artifact_page, comparison, errors, metrics_page, pages, run_page, static
from reports.ui.index import Index
from reports.ui.security import LocalOnly
from reports.ui.stores import Stores


def application(home: Home, server: str | None = None) -> Starlette:
    """The app over one home; nothing is read before the first request.

    Its pages find the home, its ML Metadata and all runs in short in `request.app.state`: `home`, `stores`, `index`.

    Args:
      home: whose runs are shown.
      server: the address of a model server whose models the What-If page asks, too.

    Raises:
      BadInput: that is no address.
    """
    routes: list[BaseRoute] = [
        Route("/", pages.pipelines),
        Route("/pipelines/{pipeline}", pages.runs),
        Route("/pipelines/{pipeline}/models", pages.models),
        Route("/pipelines/{pipeline}/metrics", metrics_page.metrics),
        Route("/pipelines/{pipeline}/compare", comparison.compare),
        # A run of another tool may have a slash in its id.
        Route("/pipelines/{pipeline}/runs/{run:path}", run_page.run),
        Route("/pipelines/{pipeline}/progress/{run:path}", run_page.progress),
        Route("/artifacts/{artifact}", artifact_page.artifact),
        Route("/static/{name}", static.file),
        Mount("/what-if", routes=what_if.routes(home, server=server)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(LocalOnly)], exception_handlers=errors.HANDLERS)
    app.state.home = home
    app.state.stores = Stores(home)
    app.state.index = Index(app.state.stores)
    app.state.reports = run_page.Reports()
    return app
