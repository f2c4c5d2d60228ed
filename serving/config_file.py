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
    still loading. Each reason is logged once.
    """
    taken, last_reason = None, ""
    while True:
        await asyncio.sleep(seconds)
        try:
            config = await asyncio.to_thread(read_model_config, path)
            if config != taken:
                await manager.reload(config)
            taken, last_reason = config, ""
        except ServingError as error:
            if error.message != last_reason:
                log.error("%s: not taken: %s", path, error.message)
            last_reason = error.message
