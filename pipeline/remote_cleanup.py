"""What of a pipeline's artifacts lies in object stores, and what of it can go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files
from common.remote_files import File
from pipeline.copies import REPORTS

# <node>/<output key>/<execution id> below the root.
_PARTS = 3


@dataclass(frozen=True)
class Remote:
    """What can go: kind is artifact, orphan for a folder that no artifact lies in, or report."""

    kind: str
    uri: str
    bytes: int
    artifact_id: int | None = None


def plan(
    known: Iterable[mlmd.Artifact],
    artifacts: Collection[int],
    executions: Collection[int],
    runs: Collection[str],
) -> Iterator[Remote]:
    """All that can go of what is known when these artifacts, what these executions made, and the reports of these runs stay.

    Raises UserError when a store does not answer.
    """
    live = [one for one in known if remote_files.is_remote(one.uri) and one.state != mlmd.Artifact.DELETED]
    recorded = {one.uri for one in live}
    for root in sorted({uri.rsplit("/", _PARTS)[0] for uri in recorded}):
        files = remote_files.files(root)
        sizes = _sizes(root, files)
        for one in live:
            if one.id not in artifacts and one.uri.rsplit("/", _PARTS)[0] == root:
                yield Remote("artifact", one.uri, sizes[one.uri], one.id)
        for uri, size in sorted(sizes.items()):
            execution = uri.rpartition("/")[2]
            if uri not in recorded and execution.isdecimal() and int(execution) not in executions:
                yield Remote("orphan", uri, size)
        for file in files:
            folder, _, name = file.name.rpartition("/")
            if folder == REPORTS and name.removesuffix(".html") not in runs:
                yield Remote("report", remote_files.join(root, file.name), file.bytes)


def _sizes(root: str, files: Iterable[File]) -> Counter[str]:
    """Folder of an execution -> bytes in it."""
    found: Counter[str] = Counter()
    for file in files:
        parts = file.name.split("/")
        if len(parts) > _PARTS:
            found[remote_files.join(root, *parts[:_PARTS])] += file.bytes
    return found
