"""Asks the models of a running server over REST: of `mlpipe serve`, or of TensorFlow Serving."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import httpx

from common.errors import BadInput
from reports.what_if.models import ModelFailed
from serving.client_types import RequestFailed, Signature
from serving.rest_client import RestClient

FIND_SECONDS = 10.0
"""For what a server knows without a model."""
ANSWER_SECONDS = 120.0
ROWS_PER_REQUEST = 500
"""No larger than the batches that TensorFlow Serving takes by default."""

T = TypeVar("T")


class Server:
    """A model server, asked by this process; its methods may be called from any thread.

    Args:
      address: `http://HOST:PORT`, the server's REST API.
    """

    def __init__(self, address: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.address = checked(address)
        # A connection that is kept open may belong to a server that was restarted since: one more attempt.
        self._client = RestClient(self.address, timeout=answer_seconds, attempts=2)

    def versions(self, model: str) -> tuple[int, ...]:
        """The versions of a model that answer, ascending, at least one.

        Raises:
          ModelFailed: no server, no such model, or none of its versions answers.
        """
        states = self._told(model, None, lambda: self._client.status(model, timeout=FIND_SECONDS))
        found = sorted(each.version for each in states if each.state == "AVAILABLE")
        if not found:
            raise ModelFailed(f"{self.address} has no version of {model} that answers (yet)")
        return tuple(found)

    def signatures(self, model: str, version: int) -> Mapping[str, Signature]:
        """The signatures of a version. Raises ModelFailed."""

        def asked() -> Mapping[str, Signature]:
            return self._client.metadata(model, version=version, timeout=FIND_SECONDS).signatures

        return self._told(model, version, asked)

    def predict(
        self, model: str, version: int, signature: str, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Output name -> value for each row.

        Raises:
          ModelFailed: no server, no such version (any more), or it does not take the rows.
        """
        outputs = list(self.signatures(model, version)[signature].outputs)
        parts = [rows[start : start + ROWS_PER_REQUEST] for start in range(0, len(rows), ROWS_PER_REQUEST)]
        asked = functools.partial(self._client.predict_rows, model, signature=signature, version=version)
        answers = [self._told(model, version, functools.partial(asked, part)) for part in parts]
        if [len(part) for part in answers] != [len(part) for part in parts]:
            raise ModelFailed(f"{model} version {version} at {self.address} does not answer row by row")
        # The only output comes without its name.
        return [{outputs[0]: answer} if len(outputs) == 1 else answer for part in answers for answer in part]

    def _told(self, model: str, version: int | None, ask: Callable[[], T]) -> T:
        if model in (".", ".."):
            raise BadInput(f"{model!r} is no name of a model")
        try:
            return ask()
        except RequestFailed as error:
            raise ModelFailed(self._why(error, model, version)) from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ModelFailed(f"{self.address} answered, but not as a model server does") from None

    def _why(self, error: RequestFailed, model: str, version: int | None) -> str:
        message = " ".join(error.message.split())
        if error.code is grpc.StatusCode.UNAVAILABLE:
            return (
                f"the model server does not answer: {message}; is it running? mlpipe serve {model} starts one"
            )
        what = model if version is None else f"{model} version {version}"
        if error.code is grpc.StatusCode.NOT_FOUND:
            return f"{self.address} does not serve {what} (any more): {message}"
        return f"{what} at {self.address}: {message}"


def checked(address: str) -> str:
    """The address of a server's REST API as it is used.

    Raises:
      BadInput: it is none.
    """
    try:
        url = httpx.URL(address)
        is_one = url.scheme in ("http", "https") and bool(url.host) and " " not in address
    except httpx.InvalidURL:
        is_one = False
    if not is_one or url.query or url.fragment:
        raise BadInput(
            f"--server {address}: is no address; give http://HOST:PORT, the REST API of a model server"
        )
    if url.userinfo:
        raise BadInput("--server: leave out the user and the password, which the pages would show")
    return address.rstrip("/")
