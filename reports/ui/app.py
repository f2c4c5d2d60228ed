"""The web app of `mlpipe ui`: its routes, and the parts that other packages mount in it."""

from __future__ import annotations

import importlib

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from pipeline.home import Home
from reports.ui import errors, pages, static
from reports.ui.security import LocalOnly
from reports.ui.stores import Stores

# Path, and module whose `routes(home)` is mounted there.
MOUNTED: tuple[tuple[str, str], ...] = ()


def application(home: Home) -> Starlette:
    """The app over one home; nothing is read before the first request.

    Its pages find the home and its ML Metadata in `request.app.state.home` and `.stores`.
    """
    routes: list[BaseRoute] = [
        Route("/", pages.pipelines, name="pipelines"),
        Route("/static/{name}", static.file, name="static"),
        *(Mount(path, routes=importlib.import_module(module).routes(home)) for path, module in MOUNTED),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(LocalOnly)], exception_handlers=errors.HANDLERS)
    app.state.home = home
    app.state.stores = Stores(home)
    return app
