"""gRPC's health service (grpc.health.v1), answered from what is being served at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

WATCH_SECONDS = 0.2


class Health(HealthServicer):
    """Health of services and models by name.

    `is_serving` tells of a name whether it is served, None for one that is not known. After `drain`
    every known name is NOT_SERVING, and watchers are let go once they know.
    """

    def __init__(self, is_serving: Callable[[str], bool | None]) -> None:
        self._is_serving = is_serving
        self._draining = False

    def drain(self) -> None:
        self._draining = True

    def _status(self, name: str) -> int | None:
        serving = self._is_serving(name)
        if serving is None:
            return None
        ready = serving and not self._draining
        return HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING

    async def Check(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> HealthCheckResponse:
        status = self._status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return HealthCheckResponse(status=status)

    async def Watch(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[HealthCheckResponse]:
        last = None
        while True:
            is_last = self._draining
            status = self._status(request.service)
            if status is None:
                status = HealthCheckResponse.SERVICE_UNKNOWN
            if status != last:
                yield HealthCheckResponse(status=status)
                last = status
            if is_last:
                return
            await asyncio.sleep(WATCH_SECONDS)
