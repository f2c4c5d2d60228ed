"""Loading a version, again and again if it has to be, and unloading it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import grpc

from serving import remote_models
from serving.errors import ServingError
from serving.servable import Runner, Servable
from serving.versions import Served, Version

log = logging.getLogger(__name__)

Load = Callable[[str, int, Path], Servable]
MakeRunner = Callable[[str, int, Servable], Runner]
WarmUp = Callable[[Served, Path], Awaitable[None]]


async def no_warmup(served: Served, path: Path) -> None:
    """Serves a version as soon as it is loaded."""


class VersionLoader:
    """Loads in the threads of `executor` (2 unless told); runners are made and warmed up on the event loop."""

    def __init__(
        self,
        load: Load,
        make_runner: MakeRunner,
        warm_up: WarmUp,
        executor: Executor | None,
        max_retries: int,
        retry_seconds: float,
    ) -> None:
        self._load = load
        self._make_runner = make_runner
        self._warm_up = warm_up
        self._executor = executor or ThreadPoolExecutor(2, thread_name_prefix="load")
        self._max_retries = max_retries
        self._retry_seconds = retry_seconds

    async def load(self, version: Version, after_failure: Callable[[], None]) -> None:
        """Makes the version ready to answer. Raises ServingError once it failed too often, or is not wanted any more."""
        while True:
            try:
                return await self._try_to_load(version)
            except ServingError as error:
                failure = error
            except Exception as error:
                log.exception("Loading servable: %s", version)
                failure = ServingError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
            version.failures += 1
            log.error("Loading servable: %s failed: %s: %s", version, failure.code.name, failure.message)
            after_failure()
            if version.aspired and version.failures <= self._max_retries:
                await wait(version.unaspired, self._retry_seconds)
            if not version.aspired or version.failures > self._max_retries:
                raise failure
            log.info("Retrying of Loading servable: %s retry: %d", version, version.failures)

    async def unload(self, version: Version) -> None:
        """Frees a version that no request uses; what fails meanwhile is logged."""
        assert version.served is not None
        assert version.servable is not None
        try:
            await version.served.runner.close()
            await asyncio.to_thread(version.servable.close)
        except Exception:
            log.exception("Unloading servable: %s", version)
        remote_models.forget(version.path)
        version.served = version.servable = None
        log.info("Unloaded servable version %s", version)

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(wait=False)

    async def _try_to_load(self, version: Version) -> None:
        loop = asyncio.get_running_loop()
        servable = await loop.run_in_executor(self._executor, self._load_if_wanted, version)
        runner = None
        try:
            runner = self._make_runner(version.name, version.number, servable)
            served = Served(version.name, version.number, servable.signatures, runner)
            await self._warm_up_while_wanted(served, version)
        except BaseException:
            if runner is not None:
                await runner.close()
            await asyncio.to_thread(servable.close)
            raise
        version.servable, version.served = servable, served
        log.info("Successfully loaded servable version %s", version)

    def _load_if_wanted(self, version: Version) -> Servable:
        if not version.aspired:
            raise _unwanted()
        return self._load(version.name, version.number, version.path)

    async def _warm_up_while_wanted(self, served: Served, version: Version) -> None:
        warming = asyncio.ensure_future(self._warm_up(served, version.path))
        unwanted = asyncio.create_task(version.unaspired.wait())
        try:
            await asyncio.wait([warming, unwanted], return_when=asyncio.FIRST_COMPLETED)
            if not warming.done():
                raise _unwanted()
            await warming
        finally:
            for task in (warming, unwanted):
                task.cancel()
            await asyncio.gather(warming, unwanted, return_exceptions=True)


def _unwanted() -> ServingError:
    return ServingError(grpc.StatusCode.CANCELLED, "The version is no longer wanted")


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or the time is over."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        pass
