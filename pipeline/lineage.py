"""Where an artifact came from and what came of it, as graphs of what really ran.

A cached execution only points at artifacts that an earlier one made: it is counted, and never walked through. A
former model, or what is known of it, that something was compared with is a reference: told of, not walked into.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput
from pipeline import companions, metadata, pushes, runs
from pipeline.metadata import Store

REFERENCE_KEYS = frozenset(
    {"baseline_model", "base_model", "baseline_statistics", "former_evaluation", "former"}
)
RESOLVER = "tfx.dsl.components.common.resolver.Resolver"

# Executions for which to ask MLMD one by one; beyond, all runs are read once.
_FEW = 100


@dataclass(frozen=True)
class Edge:
    """An artifact that a step read or made, and under which key."""

    key: str
    artifact_id: int


@dataclass(frozen=True)
class Step:
    """An execution that really ran, with what it read, made, and compared with."""

    id: int
    node: str
    run: str
    seconds: float
    properties: dict[str, Any]
    inputs: list[Edge]
    outputs: list[Edge]
    references: list[Edge]


@dataclass
class Graph:
    """Artifacts and steps around `root`; `made_by` is artifact id -> step id; `is_cut` where there are more."""

    root: int
    artifacts: dict[int, mlmd.Artifact] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    made_by: dict[int, int] = field(default_factory=dict)
    is_cut: bool = False

    def of_type(self, *types: str) -> list[mlmd.Artifact]:
        """Artifacts of these types, by id."""
        return [a for _, a in sorted(self.artifacts.items()) if a.type in types]

    def maker(self, artifact_id: int) -> Step | None:
        """The step that made an artifact, None for what came from outside or is beyond the graph."""
        return self.steps.get(self.made_by.get(artifact_id, 0))


def upstream(store: Store, artifact_id: int) -> Graph:
    """All that an artifact was made from, back to the raw data.

    Raises BadInput when there is no such artifact.
    """
    graph = _start(store, artifact_id)
    level = {artifact_id}
    makers: set[int] = set()
    while level:
        outputs = [e for e in metadata.events_of_artifacts(store, level) if e.type in metadata.OUTPUTS]
        found = _first_makers(outputs)
        graph.made_by.update(found)
        new = set(found.values()) - makers
        makers |= new
        read = [e for e in metadata.events_of_executions(store, new) if e.type in metadata.INPUTS]
        level = {e.artifact_id for e in read if not _is_reference(e)} - set(graph.artifacts)
        _add_artifacts(store, graph, level)
    _add_steps(store, graph, makers)
    return graph


def downstream(store: Store, artifact_id: int, most: int | None = None) -> Graph:
    """All that came of an artifact: what was made from it, what that was used for, and so on.

    most: no further steps are followed where there are so many; the latest stay.
    Raises BadInput when there is no such artifact.
    """
    graph = _start(store, artifact_id)
    level = {artifact_id}
    seen: set[int] = set()
    makers: set[int] = set()
    while level:
        read = [e for e in metadata.events_of_artifacts(store, level) if e.type in metadata.INPUTS]
        users = {e.execution_id for e in read if not _is_reference(e)} - seen
        seen |= users
        if most is not None and len(users) > max(0, most - len(makers)):
            graph.is_cut = True
            users = set(sorted(users)[len(users) - max(0, most - len(makers)) :])
        outputs = [e for e in metadata.events_of_executions(store, users) if e.type in metadata.OUTPUTS]
        found = {made: maker for made, maker in _first_makers(outputs).items() if made not in graph.artifacts}
        graph.made_by.update(found)
        makers |= set(found.values())
        level = set(found)
        _add_artifacts(store, graph, level)
    _add_steps(store, graph, makers)
    return graph


def maker(store: Store, artifact_id: int) -> Step | None:
    """The step that made an artifact, None for what came from outside."""
    outputs = [e for e in metadata.events_of_artifacts(store, [artifact_id]) if e.type in metadata.OUTPUTS]
    graph = Graph(artifact_id, made_by=_first_makers(outputs))
    _add_steps(store, graph, set(graph.made_by.values()))
    return graph.maker(artifact_id)


def versions_of(store: Store, model_id: int) -> list[int]:
    """The versions that a Model artifact was pushed as."""
    read = [e for e in metadata.events_of_artifacts(store, [model_id]) if e.type in metadata.INPUTS]
    users = {e.execution_id for e in read if not _is_reference(e)}
    made = [e.artifact_id for e in metadata.events_of_executions(store, users) if e.type in metadata.OUTPUTS]
    return sorted({pushes.version(a) for a in metadata.artifacts(store, made) if pushes.is_push(a)})


def uses(store: Store, artifact_id: int) -> tuple[int, list[str]]:
    """How often the cache answered with this artifact, and the latest runs (at most 20) in which it did."""
    events = metadata.events_of_artifacts(store, [artifact_id])
    executions = sorted({e.execution_id for e in events if e.type in metadata.OUTPUTS})[1:]
    latest = [metadata.contexts_of(store, i).get("pipeline_run") for i in executions[-20:]]
    return len(executions), [context.name for context in latest if context is not None]


def pipeline_of(store: Store, artifact_id: int) -> str:
    """The pipeline that an artifact belongs to, empty when it belongs to none."""
    contexts = metadata.contexts_of_artifact(store, artifact_id)
    return next((str(c.name) for c in contexts if c.type == "pipeline"), "")


def find_model(store: Store, pipeline: str | None, version: int | None) -> tuple[str, int, mlmd.Artifact]:
    """(pipeline, version, Model artifact) of a pushed version; the latest when `version` is None.

    Raises BadInput when no pipeline, or more than one, has pushed it; the versions that there are, are named.
    """
    names = [runs.find_pipeline(store, pipeline)] if pipeline else metadata.pipelines(store)
    pushed = {name: pushes.pushed_models(store, name) for name in names}
    fitting = [name for name in names if (version in pushed[name] if version is not None else pushed[name])]
    if len(fitting) > 1:
        raise BadInput(f"{' and '.join(fitting)} have pushed a version {version}: give --pipeline")
    if not fitting:
        known = "; ".join(f"{name}: {pushes.spans(pushed[name]) or 'nothing'}" for name in names)
        what = "any model" if version is None else f"a model version {version}"
        raise BadInput(f"no pipeline has pushed {what}; pushed so far: {known or 'nothing'}")
    name = fitting[0]
    chosen = max(pushed[name]) if version is None else version
    return name, chosen, pushed_model(store, pushed[name][chosen].id)


def pushed_model(store: Store, pushed_id: int) -> mlmd.Artifact:
    """The Model artifact that a PushedModel artifact is a copy of."""
    outputs = [e for e in metadata.events_of_artifacts(store, [pushed_id]) if e.type in metadata.OUTPUTS]
    read = metadata.events_of_executions(store, _first_makers(outputs).values())
    ids = [e.artifact_id for e in read if e.type in metadata.INPUTS and "model" in metadata.keys(e)]
    return metadata.artifacts(store, ids)[0]


def find_examples(store: Store, pipeline: str, which: str) -> mlmd.Artifact:
    """An Examples artifact that ExampleGen made: by artifact id, or `last` for that of the latest run with one.

    By its id also unseen data of an evaluation. Raises BadInput, with the ids that there are, when there is no such
    artifact.
    """
    made = _examples(store, pipeline)
    unseen = _examples(store, companions.evaluations_of(pipeline))
    if which.isdecimal() and int(which) in unseen:
        return unseen[int(which)]
    if not made:
        raise BadInput(f"{pipeline} has made no examples yet")
    if which == "last":
        events = metadata.events_of_artifacts(store, made)
        latest = max((e for e in events if e.type in metadata.OUTPUTS), key=lambda e: e.execution_id)
        return made[latest.artifact_id]
    if not which.isdecimal() or int(which) not in made:
        raise BadInput(
            f"{pipeline} has no examples {which!r}; give last or one of {pushes.spans(sorted(made))}"
        )
    return made[int(which)]


def _examples(store: Store, pipeline: str) -> dict[int, mlmd.Artifact]:
    node = metadata.node_contexts(store, pipeline).get("ExampleGen")
    return {a.id: a for a in metadata.artifacts_of(store, node) if a.type == "Examples"} if node else {}


def _start(store: Store, artifact_id: int) -> Graph:
    graph = Graph(artifact_id)
    _add_artifacts(store, graph, [artifact_id])
    if not graph.artifacts:
        raise BadInput(
            f"no artifact {artifact_id} in {store.address}: `mlpipe lineage P` names those of the last model"
        )
    return graph


def _add_artifacts(store: Store, graph: Graph, ids: Iterable[int]) -> None:
    graph.artifacts.update({artifact.id: artifact for artifact in metadata.artifacts(store, ids)})


def _first_makers(outputs: Iterable[mlmd.Event]) -> dict[int, int]:
    """Artifact -> the execution that made it: the first; later ones took it from the cache."""
    makers: dict[int, int] = {}
    for event in outputs:
        known = makers.get(event.artifact_id, event.execution_id)
        makers[event.artifact_id] = min(known, event.execution_id)
    return makers


def _is_reference(event: mlmd.Event) -> bool:
    return set(metadata.keys(event)) <= REFERENCE_KEYS


def _add_steps(store: Store, graph: Graph, ids: set[int]) -> None:
    edges: dict[int, tuple[list[Edge], list[Edge], list[Edge]]] = {i: ([], [], []) for i in ids}
    for event in metadata.events_of_executions(store, ids):
        inputs, outputs, references = edges[event.execution_id]
        for key in metadata.keys(event):
            edge = Edge(key, event.artifact_id)
            if event.type in metadata.OUTPUTS:
                outputs.append(edge)
            elif event.type in metadata.INPUTS:
                (references if key in REFERENCE_KEYS else inputs).append(edge)
    places = _places(store, ids)
    for execution in metadata.executions(store, ids):
        node, run = places.get(execution.id, (execution.type.rpartition(".")[2], ""))
        took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        properties = metadata.properties(execution)
        graph.steps[execution.id] = Step(
            execution.id, node, run, took / 1000, properties, *edges[execution.id]
        )


def _places(store: Store, ids: set[int]) -> dict[int, tuple[str, str]]:
    """Execution id -> (node id, run id)."""
    if len(ids) <= _FEW:
        contexts = {i: metadata.contexts_of(store, i) for i in ids}
        found = {
            i: (c["node"].name, c["pipeline_run"].name)
            for i, c in contexts.items()
            if {"node", "pipeline_run"} <= set(c)
        }
        return {i: (node.rpartition(".")[2], run) for i, (node, run) in found.items()}
    nodes = {
        e.id: c.name.rpartition(".")[2]
        for c in store.get_contexts_by_type("node")
        for e in metadata.executions_of(store, c)
    }
    run_of = {
        e.id: c.name
        for c in store.get_contexts_by_type("pipeline_run")
        for e in metadata.executions_of(store, c)
    }
    return {i: (nodes[i], run_of[i]) for i in ids if i in nodes and i in run_of}
