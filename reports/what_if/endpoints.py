"""The addresses of the What-If page: one page, and JSON for its parts."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from common.errors import BadInput, UserError
from pipeline import served
from pipeline.home import Home
from reports.run_facts import Missing
from reports.ui.layout import response
from reports.what_if import decisions, neighbours, parts, slices, thresholds
from reports.what_if.bench import Asked, Bench
from reports.what_if.held_out import HeldOut
from reports.what_if.models import ModelFailed, Models
from reports.what_if.subject import Subject, Which

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 10 * 2**20
Part = Callable[[Request, bytes], Any]
_WHICH = re.compile(r"(\d{0,18})(@server)?", re.ASCII)


def routes(home: Home, models: Models | None = None, server: str | None = None) -> list[BaseRoute]:
    """The routes of the page over a home; the models are loaded when they are asked.

    Args:
      home: where models were pushed, and their runs are recorded.
      models: who asks the pushed models; by default an own process, which ends with this one.
      server: the address of a model server (REST), whose models can be asked, too.

    Raises:
      BadInput: that is no address.
    """
    found = None
    if server is not None:
        # Here, as it brings an HTTP client along.
        from reports.what_if.server import Server

        found = Server(server)
    page = _Page(Bench(home, models, found))
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
        Route("/{pipeline}/words", page.reading(page.words), methods=["POST"]),
        Route("/{pipeline}/regions", page.reading(page.regions), methods=["POST"]),
        Route("/{pipeline}/counterfactual", page.reading(page.counterfactual), methods=["POST"]),
        Route(
            "/{pipeline}/counterfactual-picture", page.reading(page.counterfactual_picture), methods=["POST"]
        ),
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

    def index(self, request: Request) -> Response:
        server = self._bench.server
        name = request.query_params.get("model", "").strip()
        if name and server is not None:
            return RedirectResponse(f"{request.scope.get('root_path', '')}/{quote(name, safe='')}")
        try:
            found, why = served.find(self._bench.home), ""
        except BadInput as error:
            found, why = [], str(error)
        address = server.address if server else ""
        return response(request, "what_if/index.html", found=found, why=why, server=address, crumbs=_crumbs())

    def pipeline(self, request: Request) -> HTMLResponse:
        name = request.path_params["pipeline"]
        choices, trouble = self._choices(name)
        asked_for = _which(request, "version")
        if asked_for is None:
            # What is served, if anything is; else what was pushed.
            asked_for = Which(at_server=any(which.at_server for which, _ in choices))
            if not choices and trouble:
                raise HTTPException(502, trouble)
        try:
            subject = self._bench.subject(name, asked_for)
        except ModelFailed as error:
            raise HTTPException(502, str(error)) from None
        if subject.which not in dict(choices):
            choices.insert(0, (subject.which, subject.title))
        against = _which(request, "against")
        if against == subject.which:
            against = None
        held_out = subject.held_out
        return response(
            request,
            "what_if/page.html",
            crumbs=[*_crumbs(True), (name, "")],
            subject=subject,
            choices=choices,
            trouble=trouble,
            against=against,
            against_title=dict(choices).get(against, against) if against else "",
            held_out=held_out,
            example=request.query_params.get("example", ""),
            base=f"{request.scope.get('root_path', '')}/{quote(name, safe='')}",
            static=f"{request.scope.get('root_path', '')}/static",
            columns=list(held_out.columns) if held_out else [],
            slices=_slice_columns(subject.configured_slices, held_out) if held_out else [],
            constraints=thresholds.CONSTRAINTS,
            is_classes=held_out is not None and held_out.task in ("binary", "multiclass"),
        )

    def _choices(self, name: str) -> tuple[list[tuple[Which, str]], str]:
        """The versions to choose from with their titles, served ones first, the latest first; and why a server told none."""
        choices: list[tuple[Which, str]] = []
        trouble = ""
        server = self._bench.server
        if server is not None:
            try:
                numbers = reversed(server.versions(name))
                choices += [(Which(number, True), f"{number} at {server.address}") for number in numbers]
            except UserError as error:
                trouble = str(error)
        try:
            [pushed] = served.find(self._bench.home, [name])
        except UserError:
            # Where nothing is served either, the page says it.
            return choices, trouble
        return choices + [(Which(number), str(number)) for number in reversed(pushed.versions)], trouble

    def model(self, request: Request, _body: bytes) -> dict[str, Any]:
        return parts.model(self._asked(request))

    def examples(self, request: Request, _body: bytes) -> dict[str, Any]:
        subject = self._subject(request)
        if subject.held_out is None:
            raise BadInput(subject.why_none)
        page = request.query_params.get("page", "0")
        if not page.isdecimal() or len(page) > 6:
            raise BadInput(f"there is no page {page[:40]!r}")
        return parts.examples(subject.held_out, request.query_params, int(page))

    def example(self, request: Request, _body: bytes) -> dict[str, Any]:
        return parts.example(self._asked(request), _id(request))

    def picture(self, request: Request) -> Response:
        subject = self._subject(request)
        if subject.held_out is None:
            raise HTTPException(404, subject.why_none)
        [picture] = subject.held_out.pictures([subject.held_out.place(_id(request))])
        if picture is None:
            raise HTTPException(404, "The evaluation kept no picture of this example.")
        kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        return Response(picture, media_type=kind)

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

    def words(self, request: Request, body: bytes) -> dict[str, Any]:
        given = _json(body)
        return parts.words(self._asked(request), _values(given), str(given.get("feature")), _class(given))

    def regions(self, request: Request, body: bytes) -> dict[str, Any]:
        return parts.regions(self._asked(request), body, _class(request.query_params))

    def counterfactual(self, request: Request, body: bytes) -> dict[str, Any]:
        given = _json(body)
        norm, scale = str(given.get("norm", "l1")), str(given.get("scale", "std"))
        threshold = decisions.amount(given, "threshold", 0.5)
        return neighbours.nearest(
            self._asked(request), _values(given), norm, scale, _output(given), threshold
        )

    def counterfactual_picture(self, request: Request, body: bytes) -> dict[str, Any]:
        given = request.query_params
        threshold = decisions.amount(given, "threshold", 0.5)
        return neighbours.nearest_picture(self._asked(request), body, _class(given) or 0, threshold)

    def decisions(self, request: Request, body: bytes) -> dict[str, Any]:
        subject = self._subject(request)
        if subject.held_out is None:
            raise BadInput(subject.why_none)
        return decisions.decisions(subject.held_out, _json(body))

    def _subject(self, request: Request) -> Subject:
        return self._bench.subject(request.path_params["pipeline"], _which(request, "version") or Which())

    def _asked(self, request: Request, name: str = "version") -> Asked:
        return self._bench.asked(request.path_params["pipeline"], _which(request, name) or Which())

    def _both(self, request: Request) -> tuple[Asked, Asked | None]:
        first = self._asked(request)
        against = _which(request, "against")
        return first, None if against is None else self._asked(request, "against")


def _slice_columns(configured: Sequence[str], held_out: HeldOut) -> list[str]:
    """The columns to cut slices by: those of the configuration first."""
    found = slices.columns(held_out)
    return [name for name in configured if name in found] + [name for name in found if name not in configured]


def _crumbs(linked: bool = False) -> list[tuple[str, str]]:
    return [("What-If", "/what-if/" if linked else "")]


def _which(request: Request, name: str) -> Which | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    found = _WHICH.fullmatch(text)
    if found is None:
        raise BadInput(f"{name}: {text[:40]!r} is no version number")
    number, at_server = found.groups()
    return Which(int(number) if number else None, bool(at_server))


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


def _output(given: Mapping[str, Any]) -> int:
    output = given.get("output", 0)
    return output if isinstance(output, int) else -1


def _class(given: Mapping[str, Any]) -> int | None:
    """The output that is asked about, None for the answer's own class."""
    text = str(given.get("output", ""))
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 10 else -1
