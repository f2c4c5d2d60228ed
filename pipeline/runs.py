"""What runs there were: their nodes, how each ended, and what they pushed."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput
from pipeline import companions, metadata, pushes
from pipeline.metadata import Store
from pipeline.node_names import EVALUATION_NODES, NODES, OPTIONAL

INTERRUPTED = "mlpipe_interrupted"

TRAINING, EVALUATION = "training", "evaluation"

_MANY = 10

_STATES = {
    mlmd.Execution.COMPLETE: "complete",
    mlmd.Execution.CACHED: "cached",
    mlmd.Execution.FAILED: "failed",
    mlmd.Execution.CANCELED: "failed",
    mlmd.Execution.RUNNING: "running",
    mlmd.Execution.NEW: "running",
}


@dataclass(frozen=True)
class NodeRun:
    """One node of one run; `seconds` is None where it has not ended, or nobody saw when it did."""

    id: str
    state: str
    seconds: float | None = None
    execution_id: int | None = None
    exec_properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of a pipeline; times are ISO 8601 in UTC, and empty where none was written.

    parts are digests of what it depends on, inputs what `pipeline.job` wrote. kind: TRAINING, or EVALUATION of a pushed
    model on unseen data; of the latter about tells which model and which data, model is the artifact, and notes are what
    was said when it began.
    """

    id: str
    pipeline: str
    state: str
    reason: str
    started: str
    ended: str
    config: dict[str, Any]
    code: dict[str, str]
    versions: dict[str, str]
    fingerprint: str
    parts: dict[str, str]
    inputs: str
    nodes: list[NodeRun]
    context_id: int
    kind: str = TRAINING
    about: str = ""
    model: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def recorded_under(self) -> str:
        """The name that its lock and its log go by."""
        return companions.evaluations_of(self.pipeline) if self.kind == EVALUATION else self.pipeline

    @property
    def seconds(self) -> float | None:
        """Wall time, None while the run goes on."""
        return seconds_between(self.started, self.ended)

    def node(self, node_id: str) -> NodeRun:
        """The node, `not reached` when this run has none of that id."""
        return next((node for node in self.nodes if node.id == node_id), NodeRun(node_id, "not reached"))


def list_runs(store: Store, pipeline: str, limit: int | None = None, evaluations: bool = False) -> list[Run]:
    """Runs of a pipeline, oldest first, with its evaluations on unseen data if asked; the latest `limit` when given.

    Raises BadInput, with the nearest names, when the pipeline has never run.
    """
    contexts = _contexts(store, pipeline)
    if evaluations:
        contexts = metadata.by_id([*contexts, *_evaluations(store, pipeline)])
    contexts = contexts[-limit if limit else 0 :]
    # MLMD scans a whole table for the contexts of one execution: for many runs, the other way round is quicker.
    node_of = _all_nodes(store, pipeline) if len(contexts) > _MANY else None
    return [_read(store, pipeline, context, node_of) for context in contexts]


def get_run(store: Store, pipeline: str, selector: str) -> Run:
    """One run, named by its id, an unambiguous start of it, `last`, `last~N`, or `vN` (the run that pushed version N).

    `evaluation` and `evaluation~N` are the latest evaluations on unseen data, which `last` does not count.

    Raises BadInput with the nearest run ids when there is no such run or more than one.
    """
    return _read(store, pipeline, _select(store, pipeline, selector))


def last_run(store: Store, pipeline: str, state: str | None = None) -> Run | None:
    """The latest run, or the latest one that ended in `state`; None when there is none."""
    for context in reversed(metadata.run_contexts(store, pipeline)):
        if state is None or text(context, "mlpipe_state") == state:
            return _read(store, pipeline, context)
    return None


def outputs_of(store: Store, node: NodeRun) -> dict[str, mlmd.Artifact]:
    """Output key -> artifact of a node in a run, made by it or taken from the cache; empty when there are none."""
    if node.execution_id is None:
        return {}
    events = metadata.events_of_executions(store, [node.execution_id])
    keys = {e.artifact_id: metadata.keys(e)[0] for e in events if e.type in metadata.OUTPUTS}
    return {keys[artifact.id]: artifact for artifact in metadata.artifacts(store, keys)}


def find_pipeline(store: Store, pipeline: str | None) -> str:
    """The pipeline of that name, or the only one there is.

    Raises BadInput, with the nearest names, when it has never run, or when none is named and there are several.
    """
    known = metadata.pipelines(store)
    if pipeline is None:
        if len(known) == 1:
            return known[0]
        raise BadInput(f"which pipeline? give --pipeline {' or '.join(known)}")
    if pipeline not in known:
        raise BadInput(f"pipeline {pipeline!r} has not run{nearest(pipeline, known)}")
    return pipeline


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` or the names that there are, to end an error message with."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there is {', '.join(names[-5:])}" if names else ""


def _contexts(store: Store, pipeline: str) -> list[mlmd.Context]:
    return metadata.run_contexts(store, find_pipeline(store, pipeline))


def _evaluations(store: Store, pipeline: str) -> list[mlmd.Context]:
    return metadata.run_contexts(store, companions.evaluations_of(pipeline))


def _select(store: Store, pipeline: str, selector: str) -> mlmd.Context:
    named = metadata.run_context(store, selector)
    if named is not None:
        owners = {context.name for context in metadata.parents(store, named.id)}
        if owners & {pipeline, companions.evaluations_of(pipeline)}:
            return named
    trainings, evaluations = _contexts(store, pipeline), _evaluations(store, pipeline)
    contexts = metadata.by_id([*trainings, *evaluations])
    names = [context.name for context in contexts]
    for word, counted in (("last", trainings), (EVALUATION, evaluations)):
        if selector != word and not selector.startswith(f"{word}~"):
            continue
        back = selector.removeprefix(word).removeprefix("~") or "0"
        if not back.isdecimal():
            raise BadInput(f"{selector!r}: write {word}, or {word}~N with a whole number N")
        if int(back) >= len(counted):
            what = "runs" if word == "last" else "evaluations on unseen data"
            raise BadInput(f"{selector!r}: {pipeline} has only {len(counted)} {what}")
        return counted[-1 - int(back)]
    if selector.startswith("v") and selector[1:].isdecimal():
        return pushes.run_that_pushed(store, pipeline, int(selector[1:]))
    matching = [context for context in contexts if context.name.startswith(selector)]
    if not matching:
        raise BadInput(f"{pipeline} has no run {selector!r}{nearest(selector, names)}")
    if len(matching) > 1:
        shown = ", ".join(context.name for context in matching[-5:])
        raise BadInput(
            f"{len(matching)} runs of {pipeline} start with {selector!r}: {shown}; give more of the id"
        )
    return matching[0]


def _read(store: Store, pipeline: str, context: mlmd.Context, node_of: dict[int, str] | None = None) -> Run:
    latest: dict[str, mlmd.Execution] = {}
    is_evaluation = text(context, "mlpipe_kind") == EVALUATION
    owner = companions.evaluations_of(pipeline) if is_evaluation else pipeline
    for execution in metadata.executions_of(store, context):
        node_id = _node_id(store, owner, execution.id) if node_of is None else node_of.get(execution.id)
        if node_id is not None:
            latest[node_id] = execution
    nodes = [_node(node_id, execution) for node_id, execution in latest.items()]
    reached = set(latest)
    expected = EVALUATION_NODES if is_evaluation else NODES
    nodes += [NodeRun(n, "not reached") for n in expected if n not in reached and n not in OPTIONAL]
    order = {node_id: place for place, node_id in enumerate(NODES)}
    nodes.sort(key=lambda node: order.get(node.id, len(NODES)))
    return Run(
        id=context.name,
        pipeline=pipeline,
        state=text(context, "mlpipe_state") or _state(nodes),
        reason=text(context, "mlpipe_reason"),
        started=text(context, "mlpipe_started") or iso(context.create_time_since_epoch),
        ended=text(context, "mlpipe_ended"),
        config=_json(context, "mlpipe_config"),
        code=_json(context, "mlpipe_code"),
        versions=_json(context, "mlpipe_versions"),
        fingerprint=text(context, "mlpipe_fingerprint"),
        parts=_json(context, "mlpipe_parts"),
        inputs=text(context, "mlpipe_inputs"),
        nodes=nodes,
        context_id=context.id,
        kind=EVALUATION if is_evaluation else TRAINING,
        about=text(context, "mlpipe_about"),
        model=model_of(context),
        notes=_notes(context),
    )


def model_of(context: mlmd.Context) -> int | None:
    """The artifact of the model that an evaluation on unseen data is of; None of any other run."""
    found = text(context, "mlpipe_model")
    return int(found) if found.isdecimal() else None


def _node_id(store: Store, pipeline: str, execution_id: int) -> str | None:
    """The node of an execution; None when it belongs to another pipeline, whose run has the same id."""
    node = metadata.contexts_of(store, execution_id).get("node")
    if node is None or not node.name.startswith(f"{pipeline}."):
        return None
    return str(node.name).removeprefix(f"{pipeline}.")


def _all_nodes(store: Store, pipeline: str) -> dict[int, str]:
    return {
        execution.id: node_id
        for name in (pipeline, companions.evaluations_of(pipeline))
        for node_id, context in metadata.node_contexts(store, name).items()
        for execution in metadata.executions_of(store, context)
    }


def _node(node_id: str, execution: mlmd.Execution) -> NodeRun:
    found = metadata.properties(execution)
    state = state_of(execution)
    ended = execution.last_update_time_since_epoch
    if state == "running":
        ended = time.time() * 1000
    seconds = None if INTERRUPTED in found else (ended - execution.create_time_since_epoch) / 1000
    return NodeRun(node_id, state, seconds, execution.id, found)


def _state(nodes: list[NodeRun]) -> str:
    """The state of a run that some other runner made and left undescribed."""
    states = {node.state for node in nodes}
    if "running" in states:
        return "running"
    return "failed" if "failed" in states else "succeeded"


def seconds_between(started: str, ended: str) -> float | None:
    """The time from one ISO 8601 time to another; None where one of them is none."""
    try:
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (TypeError, ValueError):
        return None


def iso(milliseconds: float) -> str:
    """A time since the epoch as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="seconds")


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def text(context: mlmd.Context, key: str) -> str:
    """A custom property of a run, empty where it has none."""
    return str(context.custom_properties[key].string_value) if key in context.custom_properties else ""


def state_of(execution: mlmd.Execution) -> str:
    """complete, cached, failed or running, as an execution is recorded."""
    return _STATES.get(execution.last_known_state, "running")


def is_alive(execution: mlmd.Execution) -> bool:
    """Whether an execution is recorded as one that goes on."""
    return state_of(execution) == "running"


def _notes(context: mlmd.Context) -> tuple[str, ...]:
    value = _parsed(context, "mlpipe_notes")
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _json(context: mlmd.Context, key: str) -> dict[str, Any]:
    value = _parsed(context, key)
    return value if isinstance(value, dict) else {}


def _parsed(context: mlmd.Context, key: str) -> Any:
    try:
        return json.loads(text(context, key))
    except ValueError:
        return None
