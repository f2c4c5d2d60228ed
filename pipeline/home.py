"""The one folder that holds all state of a project: metadata, artifacts, pushed models, logs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput


@dataclass(frozen=True)
class Home:
    """Paths below the home folder; nothing is created by asking for one."""

    root: Path

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.sqlite"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def pipeline_root(self, pipeline: str) -> Path:
        return self.root / "pipelines" / pipeline

    def serving(self, pipeline: str) -> Path:
        return self.root / "serving" / pipeline

    def log(self, pipeline: str, run_id: str) -> Path:
        return self.root / "logs" / pipeline / f"{run_id}.log"

    def lock(self, pipeline: str) -> Path:
        return self.root / "locks" / f"{pipeline}.lock"


def find(option: Path | None = None) -> Home:
    """The home named by `--home`, else by `MLPIPE_HOME`, else `./.mlpipe`; always absolute.

    Raises:
      BadInput: it is there and no folder.
    """
    root = (option or Path(os.environ.get("MLPIPE_HOME") or ".mlpipe")).expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise BadInput(f"--home {root}: is a file; name a folder")
    return Home(root)
