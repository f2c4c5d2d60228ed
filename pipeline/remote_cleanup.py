"""What of a pipeline's artifacts lies in object stores, and what of it can go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files

# <node>/<output key>/<execution id> below the root.
_PARTS = 3


@dataclass(frozen=True)
class Remote:
    """A folder that can go: kind is artifact, or orphan for what no artifact lies in."""

    kind: str
    uri: str
    bytes: int
    artifact_id: int | None = None


def plan(
    known: Iterable[mlmd.Artifact], artifacts: Collection[int], executions: Collection[int]
) -> Iterator[Remote]:
    """All that can go of what is known when these artifacts and what these executions made stay.

    Raises UserError when a store does not answer.
    """
    live = [one for one in known if remote_files.is_remote(one.uri) and one.state != mlmd.Artifact.DELETED]
    recorded = {one.uri for one in live}
    for root in sorted({uri.rsplit("/", _PARTS)[0] for uri in recorded}):
        sizes = _sizes(root)
        for one in live:
            if one.id not in artifacts and one.uri.rsplit("/", _PARTS)[0] == root:
                yield Remote("artifact", one.uri, sizes[one.uri], one.id)
        for uri, size in sorted(sizes.items()):
            execution = uri.rpartition("/")[2]
            if uri not in recorded and execution.isdecimal() and int(execution) not in executions:
                yield Remote("orphan", uri, size)


def _sizes(root: str) -> Counter[str]:
    """Folder of an execution -> bytes in it."""
    found: Counter[str] = Counter()
    for file in remote_files.files(root):
        parts = file.name.split("/")
        if len(parts) > _PARTS:
            found[remote_files.join(root, *parts[:_PARTS])] += file.bytes
    return found
