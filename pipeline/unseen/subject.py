"""The model that is evaluated, and what its training left: schema, statistics, its own evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput
from pipeline import facts, lineage, metadata, pushes
from pipeline.home import Home
from pipeline.metadata import Store


@dataclass(frozen=True)
class Subject:
    """A model with what it is measured by; `version` is None where it was not pushed.

    statistics and former: artifact ids, None where their files are gone. files: those that it was trained on, as its
    Examples tell them.
    """

    pipeline: str
    model: mlmd.Artifact
    version: int | None
    schema: mlmd.Artifact
    curated: bool
    statistics: int | None
    former: int | None
    files: list[dict[str, Any]]
    span: int

    @property
    def name(self) -> str:
        return f"Model {self.model.id}" if self.version is None else f"version {self.version}"

    @property
    def ids(self) -> dict[str, int]:
        """Channel -> artifact id."""
        found = {
            "model": self.model.id,
            "schema": self.schema.id,
            "statistics": self.statistics,
            "evaluation": self.former,
        }
        return {key: int(one) for key, one in found.items() if one is not None}


def find(
    store: Store, home: Home, pipeline: str, version: int | None = None, artifact: int | None = None
) -> Subject:
    """The model that was pushed last, a pushed version, or any Model artifact of the pipeline.

    Raises:
      BadInput: there is none, it is another pipeline's, or its files are gone.
    """
    if artifact is not None:
        model = _artifact(store, pipeline, artifact)
        versions = lineage.versions_of(store, artifact)
        number = versions[-1] if versions else None
    else:
        number, model = _pushed(store, pipeline, version)
    name = f"{pipeline} Model {model.id}" if number is None else f"{pipeline} version {number}"
    graph = lineage.upstream(store, model.id)
    maker = graph.maker(model.id)
    schemas = [e.artifact_id for e in maker.inputs if e.key == "schema"] if maker else []
    if not schemas:
        raise BadInput(
            f"{name}: ML Metadata does not tell what it was trained with; evaluate a model that mlpipe run made"
        )
    schema = graph.artifacts[schemas[0]]
    for needed, what in ((model, "its files"), (schema, "the schema that it was trained with")):
        reason = facts.gone(needed)
        if reason:
            raise BadInput(
                f"{name}: {what}: {reason}; evaluate a version that is served, or run the pipeline"
            )
    raw = [one for one in graph.of_type("Examples") if (step := graph.maker(one.id)) and not step.inputs]
    described: dict[str, Any] = facts.described(raw[0]) if raw else {"files": [], "span": 0}
    return Subject(
        pipeline,
        model,
        number,
        schema,
        "schema_file" in (made.properties if (made := graph.maker(schema.id)) else {}),
        _first_there(statistics_of(store, raw)),
        _first_there(_own_evaluations(store, model.id)),
        described["files"],
        int(described["span"] or 0),
    )


def statistics_of(store: Store, examples: Iterable[mlmd.Artifact]) -> list[mlmd.Artifact]:
    """The statistics of Examples artifacts, the latest first."""
    return _made_of(store, [one.id for one in examples], "examples", "ExampleStatistics")


def _own_evaluations(store: Store, model: int) -> list[mlmd.Artifact]:
    """The evaluations that could bless the model, the latest first; those on unseen data cannot."""
    read = [e for e in metadata.events_of_artifacts(store, [model]) if e.type in metadata.INPUTS]
    users = {e.execution_id for e in read if "model" in metadata.keys(e)}
    outputs = [e for e in metadata.events_of_executions(store, users) if e.type in metadata.OUTPUTS]
    blessing = {e.execution_id for e in outputs if "blessing" in metadata.keys(e)}
    ids = [e.artifact_id for e in outputs if e.execution_id in blessing]
    found = metadata.artifacts(store, ids)
    return [one for one in reversed(found) if one.type == "ModelEvaluation"]


def _made_of(store: Store, ids: Iterable[int], key: str, kind: str) -> list[mlmd.Artifact]:
    read = [e for e in metadata.events_of_artifacts(store, ids) if e.type in metadata.INPUTS]
    users = {e.execution_id for e in read if key in metadata.keys(e)}
    outputs = [e for e in metadata.events_of_executions(store, users) if e.type in metadata.OUTPUTS]
    found = metadata.artifacts(store, [e.artifact_id for e in outputs])
    return [one for one in reversed(found) if one.type == kind]


def _first_there(found: Iterable[mlmd.Artifact]) -> int | None:
    return next((int(one.id) for one in found if facts.gone(one) is None), None)


def _pushed(store: Store, pipeline: str, version: int | None) -> tuple[int, mlmd.Artifact]:
    known = pushes.pushed_models(store, pipeline)
    if not known:
        raise nothing_pushed(pipeline)
    if version is None:
        # The model that was pushed last is not that of the highest number where versions were counted anew.
        last = max(known.items(), key=lambda item: item[1].id)[0]
        return last, lineage.pushed_model(store, known[last].id)
    if version not in known:
        raise BadInput(f"{pipeline} has pushed no version {version}; pushed: {pushes.spans(known)}")
    return version, lineage.pushed_model(store, known[version].id)


def _artifact(store: Store, pipeline: str, artifact: int) -> mlmd.Artifact:
    found = metadata.artifacts(store, [artifact])
    if not found or found[0].type != "Model":
        what = f"is {found[0].type}, no Model" if found else "is not there"
        raise BadInput(
            f"--artifact {artifact}: {what}; `mlpipe lineage {pipeline}` names the model pushed last"
        )
    owner = lineage.pipeline_of(store, artifact)
    if owner != pipeline:
        raise BadInput(f"--artifact {artifact}: is a model of {owner}, not of {pipeline}")
    return found[0]


def nothing_pushed(pipeline: str) -> BadInput:
    """The error for a pipeline without a model."""
    return BadInput(f"{pipeline} has pushed no model yet: first mlpipe run {pipeline}")
