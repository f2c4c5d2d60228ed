"""Canonical status codes as HTTP status codes, as TF Serving maps them."""

from __future__ import annotations

import grpc

from serving.errors import ServingError

HTTP_STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}


class BodyTooLarge(ServingError):
    """The request's body, packed or unpacked, is larger than the server takes; 413, as HTTP has it."""

    def __init__(self, limit: int) -> None:
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, f"Request body is larger than {limit} bytes")


class NoSuchPage(ServingError):
    """The path lies outside the API; 404, where a malformed path inside of it is 400."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(grpc.StatusCode.NOT_FOUND, f"Malformed request: {method} {path}")


def http_status(error: ServingError) -> int:
    """The HTTP status that an error is answered with."""
    return 413 if isinstance(error, BodyTooLarge) else HTTP_STATUS[error.code]
