"""Fills a metadata store with many runs that are copies of a real one: its contexts, executions, events and artifacts.

Every second run takes what comes before the Trainer from the cache, as after a change of a hyperparameter; every fifth
ends at its gate. They began a quarter of an hour apart. The artifacts' folders are those of the run that is copied.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import metadata, outcomes, runs
from pipeline.home import Home
from pipeline.metadata import Store

MINUTES_APART = 15
# Even, so that a run and the one that it takes from the cache are written together.
_BATCH = 250
_CACHED = ("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform")
_REFUSED = 5
_LAST = datetime(2026, 11, 23, tzinfo=timezone.utc)
_TOOK = timedelta(seconds=140)


@dataclass(frozen=True)
class Pattern:
    """The run that is copied: node, execution and events of each step in their order, and the artifacts by id."""

    pipeline: str
    run: mlmd.Context
    outcome: outcomes.Outcome
    steps: list[tuple[str, mlmd.Execution, list[mlmd.Event]]]
    artifacts: dict[int, mlmd.Artifact]


@dataclass
class _Batch:
    """What is written at once; an edge is (place of the execution, place of the artifact, event)."""

    executions: list[mlmd.Execution] = field(default_factory=list)
    artifacts: list[mlmd.Artifact] = field(default_factory=list)
    edges: list[tuple[int, int, mlmd.Event]] = field(default_factory=list)
    contexts: list[tuple[int, ...]] = field(default_factory=list)


def fill(source: Home, target: Home, pipeline: str, count: int) -> None:
    """Writes `count` runs into the store of `target`, made like the last one of `source` that succeeded."""
    pattern = _pattern(metadata.open_store(source), pipeline)
    store = metadata.open_store(target, create=True)
    types = _register(store, pattern)
    for start in range(0, count, _BATCH):
        _write(store, pattern, types, range(start, min(count, start + _BATCH)), count)
    del store
    with closing(sqlite3.connect(target.metadata)) as database, database:
        _spread(database)
    # Opened once more: an index is added to a file that is there.
    metadata.open_store(target, create=True)


def _pattern(store: Store, pipeline: str) -> Pattern:
    run = runs.last_run(store, pipeline, "succeeded")
    if run is None:
        raise SystemExit(f"{store.address}: no run of {pipeline} has succeeded there")
    nodes = {node.execution_id: node.id for node in run.nodes if node.execution_id is not None}
    events = metadata.events_of_executions(store, nodes)
    return Pattern(
        pipeline,
        metadata.run_context(store, run.id),
        outcomes.read(store, [run.context_id])[run.context_id],
        [
            (nodes[execution.id], execution, [e for e in events if e.execution_id == execution.id])
            for execution in metadata.executions(store, nodes)
        ],
        {a.id: a for a in metadata.artifacts(store, (event.artifact_id for event in events))},
    )


def _register(store: Store, pattern: Pattern) -> dict[str, int]:
    """Ids in the new store: of types by their names, of the pipeline and its nodes by theirs."""
    found = {}
    for kind in ("pipeline", "pipeline_run", "node"):
        found[kind] = store.put_context_type(mlmd.ContextType(name=kind))
    for _, execution, _ in pattern.steps:
        kind = mlmd.ExecutionType(name=execution.type)
        _declare(kind, execution.properties)
        found[execution.type] = store.put_execution_type(kind, can_add_fields=True, can_omit_fields=True)
    for artifact in pattern.artifacts.values():
        kind = mlmd.ArtifactType(name=artifact.type)
        _declare(kind, artifact.properties)
        found[artifact.type] = store.put_artifact_type(kind, can_add_fields=True, can_omit_fields=True)
    names = [f"{pattern.pipeline}.{node}" for node, _, _ in pattern.steps]
    contexts = [mlmd.Context(type_id=found["pipeline"], name=pattern.pipeline)]
    contexts += [mlmd.Context(type_id=found["node"], name=name) for name in names]
    return {**found, **dict(zip([pattern.pipeline, *names], store.put_contexts(contexts), strict=True))}


def _declare(kind: Any, properties: Any) -> None:
    for name, value in properties.items():
        kind.properties[name] = {
            "int_value": mlmd.INT,
            "double_value": mlmd.DOUBLE,
            "string_value": mlmd.STRING,
            "bool_value": mlmd.BOOLEAN,
        }.get(value.WhichOneof("value"), mlmd.STRUCT)


def _write(store: Store, pattern: Pattern, ids: dict[str, int], numbers: Sequence[int], count: int) -> None:
    contexts = [_context(pattern, ids["pipeline_run"], number, count) for number in numbers]
    run_ids = store.put_contexts(contexts)
    above = ids[pattern.pipeline]
    store.put_parent_contexts([mlmd.ParentContext(child_id=run, parent_id=above) for run in run_ids])
    batch = _Batch()
    former: dict[int, int] = {}
    for number, run in zip(numbers, run_ids, strict=True):
        former = _add(batch, pattern, ids, number, run, former)
    executions, artifacts, _ = store.put_lineage_subgraph(batch.executions, batch.artifacts, [], batch.edges)
    associations = [
        mlmd.Association(context_id=context, execution_id=execution)
        for execution, around in zip(executions, batch.contexts, strict=True)
        for context in around
    ]
    made = {
        (context, artifacts[artifact])
        for execution, artifact, event in batch.edges
        if event.type in metadata.OUTPUTS
        for context in batch.contexts[execution]
    }
    attributions = [mlmd.Attribution(context_id=c, artifact_id=a) for c, a in sorted(made)]
    store.put_attributions_and_associations(attributions, associations)


def _context(pattern: Pattern, type_id: int, number: int, count: int) -> mlmd.Context:
    began = _LAST - timedelta(minutes=MINUTES_APART * (count - number))
    refused = number % _REFUSED == _REFUSED - 1
    context = mlmd.Context(type_id=type_id, name=began.strftime("%Y%m%d-%H%M%S"))
    outcome = replace(
        pattern.outcome, pushed=None if refused else number + 1, model=number + 1, blessed=not refused
    )
    described = {
        **{key: value.string_value for key, value in pattern.run.custom_properties.items()},
        "mlpipe_started": began.isoformat(),
        "mlpipe_ended": (began + _TOOK).isoformat(),
        "mlpipe_state": "gate_failed" if refused else "succeeded",
        "mlpipe_reason": "accuracy is below its bound" if refused else "",
        outcomes.PROPERTY: outcome.dump(),
    }
    for key, text in described.items():
        context.custom_properties[key].string_value = text
    return context


def _add(
    batch: _Batch, pattern: Pattern, ids: dict[str, int], number: int, run: int, former: dict[int, int]
) -> dict[int, int]:
    """Adds one run; of the artifacts of the one before it those are taken that are cached. Artifact id -> its place."""
    places: dict[int, int] = {}
    for node, execution, events in pattern.steps:
        is_cached = number % 2 == 1 and node in _CACHED
        new = _copied(execution, ids)
        new.name = f"{run}.{node}"
        if is_cached:
            new.last_known_state = mlmd.Execution.CACHED
        for event in events:
            if event.artifact_id not in places:
                if is_cached:
                    places[event.artifact_id] = former[event.artifact_id]
                else:
                    places[event.artifact_id] = len(batch.artifacts)
                    batch.artifacts.append(_artifact(pattern.artifacts[event.artifact_id], ids, number))
            edge = mlmd.Event(type=event.type, path=event.path)
            batch.edges.append((len(batch.executions), places[event.artifact_id], edge))
        batch.executions.append(new)
        batch.contexts.append((run, ids[f"{pattern.pipeline}.{node}"], ids[pattern.pipeline]))
    return places


def _artifact(artifact: mlmd.Artifact, ids: dict[str, int], number: int) -> mlmd.Artifact:
    new = _copied(artifact, ids)
    new.ClearField("name")
    if "pushed_version" in new.custom_properties:
        new.custom_properties["pushed_version"].string_value = str(number + 1)
    return new


def _copied(record: Any, ids: dict[str, int]) -> Any:
    new = copy.deepcopy(record)
    new.type_id = ids[record.type]
    for name in ("id", "type", "create_time_since_epoch", "last_update_time_since_epoch"):
        new.ClearField(name)
    return new


def _spread(database: sqlite3.Connection) -> None:
    """Puts the times at which contexts changed as far apart as the runs."""
    [(last,)] = database.execute("SELECT max(id) FROM Context")
    end, step = int(_LAST.timestamp() * 1000), MINUTES_APART * 60_000
    for column in ("create_time_since_epoch", "last_update_time_since_epoch"):
        database.execute(f"UPDATE Context SET {column} = ? - (? - id) * ?", (end, last, step))
