"""Where the versions of a pipeline go."""

from __future__ import annotations

from pathlib import Path

from common import remote_files
from pipeline.home import Home
from pipeline.sections import Config


def of(config: Config, home: Home) -> str:
    """An absolute path, or a URI."""
    given = config.push.directory
    if given and remote_files.is_remote(given):
        return given.rstrip("/")
    return str(Path(given or home.serving(config.name)).absolute())
