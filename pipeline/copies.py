"""Artifacts in an object store, and their copies in the home: nodes work on folders of this machine.

A pipeline with `pipeline_root` has its artifacts at `<pipeline_root>/<name>/<node>/<output key>/<execution id>`, where
ML Metadata records them. The folder of the same name below the home is where a node writes them, before they are uploaded,
and where a node on another machine copies them to, once: an artifact does not change. Copies may be deleted at any time
between two runs.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files
from common.errors import BadInput, UserError
from pipeline import metadata
from pipeline.home import Home
from pipeline.metadata import Store

if TYPE_CHECKING:
    from pipeline.sections import Config

_PARTS = 4
_OWNER = ".mlpipe-records"
REPORTS = "reports"


@dataclass(frozen=True)
class Copies:
    """Where the artifacts of a pipeline lie: in its folder of the home, or below `root`, a URI, and copied there."""

    home: Home
    root: str | None = None

    def report(self, run_id: str) -> str | None:
        """Where the page of a run is kept beside the artifacts in a store; None where they lie in the home, as it does."""
        return remote_files.join(self.root, REPORTS, f"{run_id}.html") if self.root else None

    def folder(self, uri: str) -> Path:
        """The folder of an artifact on this machine, whether there is a copy in it or not."""
        if not remote_files.is_remote(uri):
            return Path(uri)
        return self.home.pipelines.joinpath(*uri.split("/")[-_PARTS:])

    def fetch(self, uri: str, only: Collection[str] | None = None) -> Path:
        """The same with the artifact's files in it, or those of them that are named.

        Raises UserError when they cannot be copied.
        """
        folder = self.folder(uri)
        if remote_files.is_remote(uri):
            if only is None:
                remote_files.download(uri, folder, immutable=True)
                if not any(folder.iterdir()) and not remote_files.exists(uri):
                    raise UserError(f"{uri}: the artifact is gone; mlpipe run with --force makes all anew")
            else:
                remote_files.copy_here(uri, remote_files.stat(uri, only), folder, immutable=True)
        return folder

    def read(
        self, artifacts: Iterable[mlmd.Artifact], only: Collection[str] | None = None
    ) -> list[mlmd.Artifact]:
        """The artifacts as they are on this machine."""
        found = []
        for artifact in artifacts:
            local = mlmd.Artifact()
            local.CopyFrom(artifact)
            local.uri = str(self.fetch(artifact.uri, only))
            found.append(local)
        return found


def place(home: Home, uri: str) -> Path:
    """Where the copy of a file or folder lies that is no artifact."""
    scheme, _, rest = uri.partition("://")
    return home.remote / scheme / rest


def origin(home: Home, path: str) -> str | None:
    """The URI whose copy lies at a path of this machine, None where it is no copy."""
    if not Path(path).is_relative_to(home.remote) or Path(path) == home.remote:
        return None
    scheme, *parts = Path(path).relative_to(home.remote).parts
    return f"{scheme}://{'/'.join(parts)}" if parts else None


def here(home: Home, path: Path | str) -> Path:
    """A folder of this machine: the path itself, or a copy of the folder that a URI names.

    Raises UserError when it cannot be copied.
    """
    if not remote_files.is_remote(path):
        return Path(path)
    folder = place(home, str(path))
    remote_files.download(str(path), folder)
    return folder


def of(config: Config, home: Home) -> Copies:
    """Where a pipeline has its artifacts."""
    root = config.pipeline_root
    return Copies(home, remote_files.join(root, config.name) if root else None)


def check(config: Config, home: Home, store: Store) -> None:
    """What can be found wrong with the stores of a configuration before anything runs.

    Ids of executions are unique in one metadata store: a pipeline root that artifacts of another one lie in would have
    them overwritten.

    Raises:
      BadInput: no such bucket; the pipeline root belongs to another metadata store.
      UserError: something cannot be written, or a store does not answer.
    """
    root = of(config, home).root
    if root is not None:
        mark = remote_files.join(root, _OWNER)
        own = metadata.identity(store)
        owner = remote_files.read(mark)
        if owner is not None and owner.decode() != own:
            raise BadInput(
                f"pipeline_root {config.pipeline_root}: the artifacts of {config.name} there are recorded in another"
                f" metadata store than {store.address}; use that one, name another pipeline_root, or delete {root}"
            )
        remote_files.write(mark, own.encode())
    if config.push.directory and remote_files.is_remote(config.push.directory):
        probe = remote_files.join(config.push.directory, f".mlpipe-writable-{os.getpid()}")
        remote_files.write(probe, b"")
        remote_files.delete(probe)
