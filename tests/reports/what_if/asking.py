"""The page without a browser, with any models in the place of SavedModels."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from pipeline.home import Home
from reports.ui import errors
from reports.what_if import routes


def client_of(home: Home, models: Any, server: str | None = None) -> TestClient:
    app = Starlette(
        routes=[Mount("/what-if", routes=routes(home, models, server))], exception_handlers=errors.HANDLERS
    )
    app.state.home = home
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def get(client: TestClient, part: str, pipeline: str = "birds", **query: Any) -> Any:
    return client.get(f"/what-if/{pipeline}/{part}", params=query).json()


def post(client: TestClient, part: str, body: Any, pipeline: str = "birds", **query: Any) -> Any:
    given = {"content": body} if isinstance(body, bytes) else {"json": body}
    return client.post(f"/what-if/{pipeline}/{part}", params=query, **given).json()
