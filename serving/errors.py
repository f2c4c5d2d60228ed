"""The one error that a request can end with, over both protocols."""

from __future__ import annotations

import grpc


class ServingError(Exception):
    """A request failed: a canonical status code and TF Serving's message for it.

    gRPC answers with the code itself, REST with the HTTP status that `serving.rest_errors` gives it.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid_argument(message: str) -> ServingError:
    """The request is wrong, whatever the state of the server."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> ServingError:
    """The request is fine, but not for what is being served."""
    return ServingError(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> ServingError:
    """No such model, version or label is being served."""
    return ServingError(grpc.StatusCode.NOT_FOUND, message)
