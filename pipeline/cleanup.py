"""What takes room and nothing needs any more: found without touching anything, then deleted.

The metadata keeps the record of what is deleted (state DELETED): lineage still tells of it, and TFX's cache and
resolvers take LIVE artifacts only.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files
from common.errors import UserError
from pipeline import companions, lineage, lock, metadata, pushes, remote_cleanup, runs
from pipeline.copies import Copies
from pipeline.home import Home
from pipeline.metadata import Store
from pipeline.unseen.subject import statistics_of

# What the Pusher calls a version that it has not yet finished.
UNFINISHED_PUSH = ".pushing-*"

_NODE_TEMPORARY = ("executor_execution", "driver_execution", "stateful_working_dir")


@dataclass(frozen=True)
class Item:
    """Something to delete.

    kind: artifact, copy (of one in a store), orphan, temporary, checkpoint, push, log or report.
    """

    kind: str
    path: Path
    bytes: int
    artifact_id: int | None = None
    uri: str | None = None

    @property
    def place(self) -> str:
        """Where it lies: a path or a URI."""
        return self.uri or str(self.path)


@dataclass(frozen=True)
class Kept:
    """What stays: runs, their executions, and artifacts that those, or models in use, need."""

    runs: set[str]
    executions: set[int]
    artifacts: set[int]
    since: float


def plan(store: Store, home: Home, pipeline: str, keep_runs: int, keep_copies: bool = True) -> list[Item]:
    """All that can go when the latest `keep_runs` runs stay; nothing is changed.

    The last successful run stays as well, and so does all that made the model versions that are still served, the
    models pushed and blessed last, and their evaluations. Of artifacts in an object store, the copies in the home go too
    without `keep_copies`.

    The pipeline may be that of the evaluations on unseen data. Raises UserError when an object store does not answer.
    """
    kept = _kept(store, pipeline, keep_runs)
    root = home.pipeline_root(pipeline)
    context = metadata.pipeline_context(store, pipeline)
    known = metadata.artifacts_of(store, context) if context else []
    folders = {one.id: Copies(home).folder(one.uri) for one in known}
    live = [one for one in known if one.state != mlmd.Artifact.DELETED]
    items = []
    for one in live:
        folder = folders[one.id]
        is_copy = remote_files.is_remote(one.uri) and folder.exists()
        if _is_inside(folder, root) and (one.id not in kept.artifacts or (is_copy and not keep_copies)):
            gone = None if one.id in kept.artifacts else one.id
            items.append(Item("copy" if is_copy else "artifact", folder, size(folder), gone))
    remote = remote_cleanup.plan(known, kept.artifacts, kept.executions, kept.runs)
    items += [
        Item(one.kind, folders.get(one.artifact_id or 0, root), one.bytes, one.artifact_id, one.uri)
        for one in remote
    ]
    recorded = {_folder(folders[one.id], root) for one in live}
    found = [("orphan", path) for path in _orphans(root, recorded, kept)]
    found += [("temporary", path) for path in _temporary(root)]
    found += [
        ("checkpoint", path) for path in sorted(root.glob("*/checkpoints/*")) if _newest(path) < kept.since
    ]
    found += [
        ("push", path) for folder in _served(store, home, pipeline) for path in folder.glob(UNFINISHED_PUSH)
    ]
    logs = sorted(home.log(pipeline, "any").parent.glob("*.log"))
    found += [("log", path) for path in logs if path.stem not in kept.runs]
    reports = sorted(home.report(pipeline, "any").parent.glob("*.html"))
    found += [("report", path) for path in reports if path.stem not in kept.runs]
    return items + [Item(kind, path, size(path)) for kind, path in found]


def collect(store: Store, home: Home, pipeline: str, keep_runs: int, keep_copies: bool = True) -> list[Item]:
    """Delete what `plan` finds, while holding the pipeline's lock; what was deleted.

    Raises `lock.Busy` when the pipeline is running, `UserError` when something cannot be deleted; a second call goes
    on where the first one stopped.
    """
    with lock.lock(home, pipeline, "gc"):
        items = plan(store, home, pipeline, keep_runs, keep_copies)
        # Marked first: a record without files is harmless, the cache answering with missing files is not.
        _mark_deleted(store, [item.artifact_id for item in items if item.artifact_id is not None])
        for item in items:
            remote_files.delete(item.uri) if item.uri else _delete(item.path)
    return items


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count as nothing, hard links with their share."""
    if path.is_symlink() or not path.exists():
        return 0
    return sum(stat.st_size // stat.st_nlink for stat in _stats(path))


def _kept(store: Store, pipeline: str, keep_runs: int) -> Kept:
    contexts = metadata.run_contexts(store, pipeline)
    latest = contexts[-keep_runs:]
    succeeded = runs.last_run(store, pipeline, "succeeded")
    latest += [c for c in contexts if succeeded and c.name == succeeded.id and c not in latest]
    executions = {execution.id for context in latest for execution in metadata.executions_of(store, context)}
    events = metadata.events_of_executions(store, executions)
    artifacts = {event.artifact_id for event in events}
    for model in _models_in_use(store, companions.owner(pipeline)):
        made_of = lineage.upstream(store, model)
        artifacts |= set(made_of.artifacts)
        artifacts |= set(lineage.downstream(store, model).artifacts)
        # What unseen data are compared with.
        artifacts |= {one.id for one in statistics_of(store, made_of.of_type("Examples"))}
    since = min((context.create_time_since_epoch / 1000 for context in latest), default=0.0)
    return Kept({context.name for context in latest}, executions, artifacts, since)


def _models_in_use(store: Store, pipeline: str) -> set[int]:
    """Models whose pushed version is still there, the one pushed last, and the one blessed last."""
    pushed = pushes.pushed_models(store, pipeline).values()
    served = [artifact for artifact in pushed if pushes.is_there(pushes.destination(artifact))]
    models = {lineage.pushed_model(store, artifact.id).id for artifact in served}
    last = pushes.last_pushed_model(store, pipeline)
    if last is not None:
        models.add(last)
    evaluator = metadata.node_contexts(store, pipeline).get("Evaluator")
    for artifact in reversed(metadata.artifacts_of(store, evaluator) if evaluator else []):
        facts = metadata.properties(artifact)
        if (
            artifact.type == "ModelBlessing"
            and artifact.state == mlmd.Artifact.LIVE
            and facts.get("blessed") == 1
        ):
            return models | {int(facts["current_model_id"])}
    return models


def _orphans(root: Path, recorded: set[Path], kept: Kept) -> Iterator[Path]:
    """Output folders, `<node>/<output key>/<execution id>`, that no artifact lies in; those of kept runs stay."""
    for path in sorted(root.glob("*/*/*")):
        node, key, execution = path.relative_to(root).parts
        is_output = (
            execution.isdecimal() and not node.startswith(".") and key not in (".system", "checkpoints")
        )
        if is_output and path not in recorded and int(execution) not in kept.executions:
            yield path


def _temporary(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob(".temp/*"))
    yield from sorted(root.glob(f"*/*/{remote_files.PARTIAL}*"))
    for name in _NODE_TEMPORARY:
        yield from sorted(root.glob(f"*/.system/{name}/*"))


def _served(store: Store, home: Home, pipeline: str) -> set[Path]:
    pushed = pushes.pushed_models(store, pipeline).values()
    places = [pushes.destination(artifact) for artifact in pushed]
    return {home.serving(pipeline), *(Path(one).parent for one in places if not remote_files.is_remote(one))}


def _folder(path: Path, root: Path) -> Path:
    """The folder of the execution that an artifact lies in; the path itself when it lies elsewhere."""
    if not _is_inside(path, root):
        return path
    return root.joinpath(*path.relative_to(root).parts[:3])


def _is_inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root) and len(path.relative_to(root).parts) >= 3 and ".." not in path.parts


def _mark_deleted(store: Store, ids: Iterable[int]) -> None:
    artifacts = metadata.artifacts(store, ids)
    for artifact in artifacts:
        artifact.state = mlmd.Artifact.DELETED
    if artifacts:
        store.put_artifacts(artifacts)


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot delete {error.filename or path}: {error.strerror}; run mlpipe gc again"
        ) from error


def _newest(path: Path) -> float:
    """When a file, or the last file below a folder, was changed (seconds); infinite for what is gone meanwhile."""
    try:
        own = path.lstat().st_mtime
    except FileNotFoundError:
        return math.inf
    return max((stat.st_mtime for stat in _stats(path)), default=own)


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Of a file, or of all files below a folder, but for those that a run takes away meanwhile."""
    for file in [path] if path.is_file() else _files(path):
        with suppress(FileNotFoundError):
            yield file.lstat()


def _files(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        for name in names:
            yield Path(folder, name)
