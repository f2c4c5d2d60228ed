"""The one folder that holds all state of a project: metadata, artifacts, pushed models, logs."""

from __future__ import annotations

import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput, UserError


@dataclass(frozen=True)
class Home:
    """Paths below the home folder; nothing but its identity is created by asking for one."""

    root: Path

    @property
    def metadata(self) -> Path:
        return self.root / "metadata.sqlite"

    @property
    def metadata_setting(self) -> Path:
        """Which store is used in the place of `metadata`."""
        return self.root / "metadata.json"

    def check_writable(self, pipeline: str) -> None:
        """Raises UserError when the artifacts of a pipeline cannot be written."""
        root = self.pipeline_root(pipeline)
        try:
            root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=root).close()
        except OSError as error:
            raise UserError(
                f"{root}: cannot be written ({error.strerror or error}); make it writable for this user, or name another"
                " --home"
            ) from None

    def identity(self) -> str:
        """A name of this home that no other has, wherever it is seen from; it is made when it is first asked for."""
        path = self.root / "identity"
        if not path.is_file():
            self.root.mkdir(parents=True, exist_ok=True)
            name = uuid.uuid4().hex
            draft = path.with_name(f".identity-{name}")
            draft.write_text(name, encoding="utf-8")
            # Of several processes that come here at once, one gives the name.
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            except OSError:
                # A bucket that is mounted has no links.
                os.replace(draft, path)
            draft.unlink(missing_ok=True)
        return path.read_text(encoding="utf-8")

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def remote(self) -> Path:
        """Copies of data and models in object stores."""
        return self.root / "remote"

    @property
    def pipelines(self) -> Path:
        return self.root / "pipelines"

    def pipeline_root(self, pipeline: str) -> Path:
        return self.pipelines / pipeline

    def serving(self, pipeline: str) -> Path:
        return self.root / "serving" / pipeline

    def log(self, pipeline: str, run_id: str) -> Path:
        return self.root / "logs" / pipeline / f"{run_id}.log"

    def report(self, pipeline: str, run_id: str) -> Path:
        """The page of a run."""
        return self.root / "reports" / pipeline / f"{run_id}.html"

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
