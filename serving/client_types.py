"""What a client of the server gets: signatures, states of versions, and the one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc


class RequestFailed(Exception):
    """The server refused the request, or none could be reached in time: a canonical code and a message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Tensor:
    """An input or output: dtype as TensorFlow spells it (`DT_FLOAT`); -1 for a free dimension, None for any rank."""

    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """What a signature takes and answers, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    method: str


@dataclass(frozen=True)
class ModelMetadata:
    """The version that answered, and its signatures by name."""

    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """One version: START, LOADING, AVAILABLE, UNLOADING or END; a version that is broken says why."""

    version: int
    state: str
    code: str
    message: str


Classes = list[list[tuple[str, float]]]
"""For each example, (label, score) of each class."""
