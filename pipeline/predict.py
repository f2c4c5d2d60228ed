"""Asks a pushed model: a server that runs, over REST, or the model itself, loaded in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc

from common.errors import BadInput, UserError
from pipeline import copies, model_inputs, served
from pipeline.home import Home
from pipeline.model_inputs import Row
from serving.client_types import RequestFailed, Signature
from serving.rest_client import RestClient

# No larger than the batches that TF Serving takes by default.
ROWS_PER_REQUEST = 500
FAULT_OF_THE_REQUEST = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
)


@dataclass(frozen=True)
class Question:
    """What is asked: exactly one of json, csv, images and texts is given."""

    json: str | None = None
    csv: Path | None = None
    images: Sequence[Path] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Target:
    """Who is asked: a version or label, a signature, and the server, unless it is the model itself."""

    version: int | None = None
    label: str | None = None
    signature: str = ""
    host: str = "localhost"
    rest_api_port: int = 8501
    timeout: float = 30.0
    local: bool = False
    grpc_port: int | None = None
    """Over gRPC, at this port; REST otherwise."""

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.grpc_port is not None:
            return f"{host}:{self.grpc_port}"
        return f"http://{host}:{self.rest_api_port}"


class Model(Protocol):
    """What can be asked: over REST or gRPC, or in this process."""

    name: str
    signatures: Mapping[str, Signature]

    def predict(self, rows: Sequence[Row], signature: str) -> list[Row]:
        """Output name -> value for each row."""


class RemoteModel:
    """A model of a running server. Raises UserError, or BadInput where the request is at fault."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target
        # One attempt: who waits at a terminal is told at once that there is no server.
        self._client = RestClient(target.address, timeout=target.timeout, attempts=1)
        self._which: dict[str, Any] = {"version": target.version, "label": target.label}
        try:
            self.signatures = self._client.metadata(name, **self._which).signatures
        except RequestFailed as error:
            raise explained(error, self.name, self._target) from None

    def predict(self, rows: Sequence[Row], signature: str) -> list[Row]:
        """Output name -> value for each row."""
        try:
            answers = self._client.predict_rows(self.name, rows, signature=signature, **self._which)
        except RequestFailed as error:
            raise explained(error, self.name, self._target) from None
        names = list(self.signatures[signature].outputs)
        # The only output comes without its name.
        return [{names[0]: answer} for answer in answers] if len(names) == 1 else answers


def explained(error: RequestFailed, model: str, target: Target) -> UserError:
    """Return what to tell of a failed request: BadInput where the request is at fault."""
    message = " ".join(error.message.split())
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return UserError(
            f"no server answers: {message}; start one with mlpipe serve {model}, or ask the model without a"
            " server: --local"
        )
    if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UserError(f"{model}: {message}; allow more with --timeout")
    if error.code in FAULT_OF_THE_REQUEST:
        return BadInput(f"{model} at {target.address}: {message}")
    return UserError(f"{model} at {target.address}: {error.code.name}: {message}")


def predict(pipeline: str, question: Question, target: Target, home: Home) -> Iterator[Row]:
    """The answers, one per example, each output name -> value, in the order of the names.

    Raises BadInput: not exactly one question, rows that do not fit the model, an unknown signature or version;
    UserError: no server.
    """
    given = [question.json is not None, question.csv is not None, bool(question.images), bool(question.texts)]
    if sum(given) != 1:
        raise BadInput("give exactly one of --json, --csv, --image and --text")
    model = model_of(pipeline, target, home)
    signature, rows = _rows(pipeline, question, target, model, home)
    for start in range(0, len(rows), ROWS_PER_REQUEST):
        asked = rows[start : start + ROWS_PER_REQUEST]
        try:
            answers = model.predict(asked, signature)
        except BadInput as error:
            if question.images:
                raise (_of_image(question.images[start:], asked, signature, model) or error) from None
            raise
        for answer in answers:
            yield dict(sorted(answer.items()))


def model_of(pipeline: str, target: Target, home: Home) -> Model:
    """Return the model that is asked. Raises BadInput: an unknown version; UserError: no server."""
    if not target.local:
        if target.version is not None and target.label is not None:
            raise BadInput("give --version or --label, not both")
        name = served.name_of(pipeline)
        if target.grpc_port is None:
            return RemoteModel(name, target)
        from pipeline.grpc_model import GrpcModel

        return GrpcModel(name, target)
    if target.label is not None:
        raise BadInput("--label is known to a server alone; with --local give --version")
    [found] = served.find(home, [pipeline])
    folder = found.version(target.version)
    from pipeline.local_model import LocalModel

    return LocalModel(found.name, copies.here(home, folder))


def _rows(
    pipeline: str, question: Question, target: Target, model: Model, home: Home
) -> tuple[str, Sequence[Row]]:
    """The signature that is asked, and its rows."""
    if question.images or question.texts:
        what = "image" if question.images else "text"
        signature, name = model_inputs.choose_for_strings(
            model.name, model.signatures, target.signature, what
        )
        tensor = model.signatures[signature].inputs[name]
        values = [_content(path) for path in question.images] or question.texts
        return signature, [{name: model_inputs.shaped(value, tensor)} for value in values]
    # Here, as it brings Arrow along.
    from pipeline import request_rows

    signature = model_inputs.choose(model.name, model.signatures, target.signature)
    inputs = model.signatures[signature].inputs
    if question.json is not None:
        return signature, request_rows.from_json(question.json, inputs, model.name)
    assert question.csv is not None
    data = served.data_section(home, pipeline)
    rows, unused = request_rows.from_csv(question.csv, inputs, model.name, data)
    if unused:
        print(f"{question.csv}: left out, as {model.name} takes no {', '.join(unused)}", file=sys.stderr)
    return signature, rows


def _of_image(paths: Sequence[Path], rows: Sequence[Row], signature: str, model: Model) -> BadInput | None:
    """The model's complaint with the first image that it does not take by itself; a batch names none."""
    for path, row in zip(paths, rows, strict=False):
        try:
            model.predict([row], signature)
        except BadInput as error:
            return BadInput(f"--image {path}: {str(error).rstrip('.')}; give a whole image, JPEG or PNG")
    return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"--image {path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"--image {path}: is a folder; name its files") from None
    except OSError as error:
        raise BadInput(f"--image {path}: cannot be read: {error.strerror}") from None
