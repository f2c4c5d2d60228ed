"""Follows a ModelServerConfig file while the server runs."""

from __future__ import annotations

import asyncio
import logging

from serving.errors import ServingError
from serving.manager import ModelManager
from serving.model_config import read_model_config

log = logging.getLogger(__name__)


async def follow(path: str, manager: ModelManager, seconds: float) -> None:
    """Reloads the configuration at `path` every so many seconds, for ever.

    A file that cannot be read or is refused changes nothing and is tried again: a label may name a version that is
    still loading. Each reason is logged once. A configuration whose models do not come gives way to the next one.
    """
    config, last_reason = None, ""
    reload: asyncio.Task[None] | None = None
    try:
        while True:
            await asyncio.sleep(seconds)
            try:
                found = await asyncio.to_thread(read_model_config, path)
                if found != config:
                    if reload is not None:
                        reload.cancel()
                    config, reload = found, asyncio.create_task(manager.reload(found))
                    await asyncio.wait([reload], timeout=seconds)
                if reload is not None and reload.done():
                    done, reload = reload, None
                    done.result()
                last_reason = ""
            except ServingError as error:
                if error.message != last_reason:
                    log.error("%s: not taken: %s", path, error.message)
                config, last_reason = None, error.message
            except Exception:
                log.exception("%s: not taken", path)
                config = None
    finally:
        if reload is not None:
            reload.cancel()
