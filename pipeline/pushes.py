"""Model versions that were pushed: which model each is, and which run pushed it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files
from common.errors import BadInput
from pipeline import metadata
from pipeline.metadata import Store


def pushed_models(store: Store, pipeline: str) -> dict[int, mlmd.Artifact]:
    """Version -> the PushedModel artifact that first pushed the model which that version is now, ascending.

    A run that finds its model served already records a push of the same version again; and a number is given anew
    when the folder of versions was emptied.
    """
    pushed = _all(store, pipeline)
    models = _models(store, pushed)
    newest = {version(push): models[push.id] for push in pushed}
    found: dict[int, mlmd.Artifact] = {}
    for push in pushed:
        if models[push.id] == newest[version(push)]:
            found.setdefault(version(push), push)
    return dict(sorted(found.items()))


def last_pushed_model(store: Store, pipeline: str) -> int | None:
    """The id of the Model that was pushed last: the one that the next candidate is compared with."""
    last = _all(store, pipeline)[-1:]
    return next(iter(_models(store, last).values()), None)


def is_push(artifact: mlmd.Artifact) -> bool:
    """Whether an artifact stands for a version; the Pusher makes one as well when it does not push."""
    return artifact.type == "PushedModel" and metadata.properties(artifact).get("pushed") == 1


def version(push: mlmd.Artifact) -> int:
    """The version number that a PushedModel artifact stands for."""
    return int(push.custom_properties["pushed_version"].string_value)


def destination(push: mlmd.Artifact) -> str:
    """The folder, or the URI, that a PushedModel artifact stands for; old versions are removed by later pushes."""
    return str(push.custom_properties["pushed_destination"].string_value)


def is_there(destination: str) -> bool:
    """Whether a version that was pushed is still there. Raises UserError when a store does not tell."""
    if remote_files.is_remote(destination):
        return remote_files.exists(remote_files.join(destination, "saved_model.pb"))
    return Path(destination, "saved_model.pb").is_file()


def makers(store: Store, pushed: Iterable[mlmd.Artifact]) -> dict[int, int]:
    """PushedModel artifact id -> the execution that pushed it."""
    found: dict[int, int] = {}
    for event in metadata.events_of_artifacts(store, [push.id for push in pushed]):
        if event.type in metadata.OUTPUTS:
            found.setdefault(event.artifact_id, event.execution_id)
    return found


def run_that_pushed(store: Store, pipeline: str, number: int) -> mlmd.Context:
    """The context of the run that pushed a version.

    Raises BadInput, with the versions that there are, when none has.
    """
    known = pushed_models(store, pipeline)
    if number not in known:
        raise BadInput(f"{pipeline} has pushed no version {number}; pushed: {spans(known) or 'none'}")
    [maker] = makers(store, [known[number]]).values()
    return metadata.contexts_of(store, maker)["pipeline_run"]


def spans(numbers: Iterable[int]) -> str:
    """Ascending whole numbers in short: `1, 3 to 7`."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups)


def _all(store: Store, pipeline: str) -> list[mlmd.Artifact]:
    pusher = metadata.node_contexts(store, pipeline).get("Pusher")
    return (
        [artifact for artifact in metadata.artifacts_of(store, pusher) if is_push(artifact)] if pusher else []
    )


def _models(store: Store, pushed: list[mlmd.Artifact]) -> dict[int, int]:
    """PushedModel artifact id -> id of the Model that it is a copy of."""
    made_by = makers(store, pushed)
    read = metadata.events_of_executions(store, made_by.values())
    models = {
        e.execution_id: e.artifact_id
        for e in read
        if e.type in metadata.INPUTS and "model" in metadata.keys(e)
    }
    return {push: models[execution] for push, execution in made_by.items()}
