"""The addresses of the What-If page: one page, and JSON for its parts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from common.errors import BadInput, UserError
from pipeline import served
from pipeline.home import Home
from reports.run_facts import Missing
from reports.ui.layout import response
from reports.what_if import decisions, parts, slices, thresholds
from reports.what_if.bench import Asked, Bench
from reports.what_if.models import Models

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 10 * 2**20
Part = Callable[[Request, bytes], Any]


def routes(home: Home, models: Models | None = None) -> list[BaseRoute]:
    """The routes of the page over a home; the models are loaded when they are asked.

    Args:
      home: where models were pushed, and their runs are recorded.
      models: who asks the models; by default an own process, which ends with this one.
    """
    page = _Page(Bench(home, models))
    return [
        Route("/", page.index, name="what-if"),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/{pipeline}", page.pipeline, name="what-if-pipeline"),
        Route("/{pipeline}/model", page.reading(page.model)),
        Route("/{pipeline}/examples", page.reading(page.examples)),
        Route("/{pipeline}/example", page.reading(page.example)),
        Route("/{pipeline}/picture", page.picture),
        Route("/{pipeline}/disagreement", page.reading(page.disagreement)),
        Route("/{pipeline}/answer", page.reading(page.answer), methods=["POST"]),
        Route("/{pipeline}/answer-picture", page.reading(page.answer_picture), methods=["POST"]),
        Route("/{pipeline}/dependence", page.reading(page.dependence), methods=["POST"]),
        Route("/{pipeline}/counterfactual", page.reading(page.counterfactual), methods=["POST"]),
        Route("/{pipeline}/decisions", page.reading(page.decisions), methods=["POST"]),
    ]


class _Page:
    """The endpoints; what cannot be answered is one line, under `problem`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def reading(self, part: Part) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that answers what `part` makes of the request and its body, in a thread of its own."""

        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request)
                return JSONResponse(await run_in_threadpool(part, request, body))
            except (UserError, Missing) as error:
                return JSONResponse({"problem": str(error)})

        return endpoint

    def index(self, request: Request) -> HTMLResponse:
        try:
            found = served.find(self._bench.home)
        except BadInput as error:
            return response(request, "what_if/index.html", found=[], why=str(error), crumbs=_crumbs())
        return response(request, "what_if/index.html", found=found, why="", crumbs=_crumbs())

    def pipeline(self, request: Request) -> HTMLResponse:
        name = request.path_params["pipeline"]
        subject = self._bench.subject(name, _version(request, "version"))
        against = _version(request, "against")
        held_out = subject.held_out
        return response(
            request,
            "what_if/page.html",
            crumbs=[*_crumbs(True), (name, "")],
            subject=subject,
            against=against if against != subject.version else None,
            held_out=held_out,
            example=request.query_params.get("example", ""),
            base=f"{request.scope.get('root_path', '')}/{name}",
            static=f"{request.scope.get('root_path', '')}/static",
            columns=list(held_out.columns) if held_out else [],
            slices=_slice_columns(subject) if held_out else [],
            constraints=thresholds.CONSTRAINTS,
            is_classes=held_out is not None and held_out.task in ("binary", "multiclass"),
        )

    def model(self, request: Request, _body: bytes) -> dict[str, Any]:
        return parts.model(self._asked(request))

    def examples(self, request: Request, _body: bytes) -> dict[str, Any]:
        subject = self._bench.subject(request.path_params["pipeline"], _version(request, "version"))
        if subject.held_out is None:
            raise BadInput(subject.why_none)
        page = request.query_params.get("page", "0")
        if not page.isdecimal() or len(page) > 6:
            raise BadInput(f"there is no page {page[:40]!r}")
        return parts.examples(subject.held_out, request.query_params, int(page))

    def example(self, request: Request, _body: bytes) -> dict[str, Any]:
        return parts.example(self._asked(request), _id(request))

    def picture(self, request: Request) -> Response:
        subject = self._bench.subject(request.path_params["pipeline"], _version(request, "version"))
        if subject.held_out is None:
            raise HTTPException(404, subject.why_none)
        found = subject.held_out.parsed(subject.held_out.place(_id(request))).get("image")
        if not found or not isinstance(found[0], bytes):
            raise HTTPException(404, "The evaluation kept no picture of this example.")
        kind = "image/png" if found[0].startswith(b"\x89PNG") else "image/jpeg"
        return Response(found[0], media_type=kind)

    def disagreement(self, request: Request, _body: bytes) -> dict[str, Any]:
        first, second = self._both(request)
        if second is None:
            raise BadInput("choose another version to compare with")
        return parts.disagreements(first, second)

    def answer(self, request: Request, body: bytes) -> dict[str, Any]:
        given = _json(body)
        return parts.answers([one for one in self._both(request) if one], _values(given))

    def answer_picture(self, request: Request, body: bytes) -> dict[str, Any]:
        return parts.picture_answers([one for one in self._both(request) if one], body)

    def dependence(self, request: Request, body: bytes) -> dict[str, Any]:
        given = _json(body)
        return parts.curve(self._asked(request), _values(given), str(given.get("feature")), _output(given))

    def counterfactual(self, request: Request, body: bytes) -> dict[str, Any]:
        given = _json(body)
        norm, scale = str(given.get("norm", "l1")), str(given.get("scale", "std"))
        threshold = decisions.amount(given, "threshold", 0.5)
        return parts.nearest(self._asked(request), _values(given), norm, scale, _output(given), threshold)

    def decisions(self, request: Request, body: bytes) -> dict[str, Any]:
        subject = self._bench.subject(request.path_params["pipeline"], _version(request, "version"))
        if subject.held_out is None:
            raise BadInput(subject.why_none)
        return decisions.decisions(subject.held_out, _json(body))

    def _asked(self, request: Request, name: str = "version") -> Asked:
        return self._bench.asked(request.path_params["pipeline"], _version(request, name))

    def _both(self, request: Request) -> tuple[Asked, Asked | None]:
        first = self._asked(request)
        against = _version(request, "against")
        return first, None if against is None else self._asked(request, "against")


def _slice_columns(subject: Any) -> list[str]:
    """The columns to cut slices by: those of the configuration first."""
    found = slices.columns(subject.held_out)
    return [name for name in subject.configured_slices if name in found] + [
        name for name in found if name not in subject.configured_slices
    ]


def _crumbs(linked: bool = False) -> list[tuple[str, str]]:
    return [("What-If", "/what-if/" if linked else "")]


def _version(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise BadInput(f"{name}: {text[:40]!r} is no version number")
    return int(text)


def _id(request: Request) -> int:
    text = request.query_params.get("id", "")
    if not text.isdecimal() or len(text) > 18:
        raise BadInput(f"{text[:40]!r} is no id of an example")
    return int(text)


async def _body(request: Request) -> bytes:
    """The body of a request. Raises BadInput: it is too large."""
    if request.method != "POST":
        return b""
    parts_read = bytearray()
    async for chunk in request.stream():
        parts_read += chunk
        if len(parts_read) > LARGEST_BODY:
            raise BadInput(f"this is too large: {LARGEST_BODY // 2**20} MB at most")
    return bytes(parts_read)


def _json(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the request is no JSON") from None
    if not isinstance(given, dict):
        raise BadInput("the request is no JSON object")
    return given


def _values(given: dict[str, Any]) -> dict[str, Any]:
    values = given.get("values")
    if not isinstance(values, dict):
        raise BadInput("the request has no values")
    return values


def _output(given: dict[str, Any]) -> int:
    output = given.get("output", 0)
    return output if isinstance(output, int) else -1
