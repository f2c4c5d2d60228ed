"""What was decided about each span, in ML Metadata: a context a span, so that none is lost and none is done twice."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import Store, by_id, pipeline_context, properties
from pipeline.runs import text

SPAN, START = "mlpipe_loop_span", "mlpipe_loop"
BEGUN, DECIDED, DONE = "begun", "decided", "done"
RETRAIN, KEEP, SKIP = "retrain", "keep", "skip"


@dataclass(frozen=True)
class Decision:
    """How far a span has come; what is not known yet is empty.

    state: BEGUN, DECIDED or DONE. choice: RETRAIN, KEEP or SKIP, with its reason. evaluation and training: ids of runs,
    written before they start. found: what the evaluation found, in short. result: what became of the training.
    tries: how often it failed for reasons that may pass. line: what was told at the end.
    """

    pipeline: str
    key: str
    state: str = BEGUN
    model: str = ""
    evaluation: str = ""
    found: str = ""
    choice: str = ""
    reason: str = ""
    training: str = ""
    result: str = ""
    tries: int = 0
    line: str = ""
    started: str = ""
    ended: str = ""

    @property
    def number(self) -> int:
        return int(self.key.partition("v")[0])

    def changed(self, **values: Any) -> Decision:
        return replace(self, **values)


def all_of(store: Store, pipeline: str) -> dict[str, Decision]:
    """Key of the span -> its decision, in the order in which they were begun."""
    found = {}
    for context in by_id(store.get_contexts_by_type(SPAN)):
        known = properties(context)
        if known.get("pipeline") == pipeline:
            values = {name: known[name] for name in Decision.__dataclass_fields__ if name in known}
            found[known["key"]] = Decision(**{**values, "tries": int(values.get("tries", 0))})
    return found


def save(store: Store, decision: Decision) -> None:
    """Writes a decision anew; a reader sees the former one or this one."""
    _put(store, SPAN, f"{decision.pipeline}.{decision.key}", {k: str(v) for k, v in asdict(decision).items()})


def first_span(store: Store, pipeline: str) -> int | None:
    """The span after which the loop began, None where it has not begun."""
    context = store.get_context_by_type_and_name(START, pipeline)
    return None if context is None else int(text(context, "after"))


def begin_after(store: Store, pipeline: str, span: int) -> None:
    """Records that spans up to this one are not the loop's."""
    _put(store, START, pipeline, {"after": str(span)})


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _put(store: Store, kind: str, name: str, values: Mapping[str, str]) -> None:
    context = store.get_context_by_type_and_name(kind, name)
    is_new = context is None
    if context is None:
        context = mlmd.Context(type_id=_type(store, kind), name=name)
    for key, value in values.items():
        context.custom_properties[key].string_value = value
    [context.id] = store.put_contexts([context])
    parent = pipeline_context(store, values.get("pipeline", name))
    if is_new and parent is not None:
        store.put_parent_contexts([mlmd.ParentContext(child_id=context.id, parent_id=parent.id)])


def _type(store: Store, name: str) -> int:
    try:
        return int(store.get_context_type(name).id)
    except errors.NotFoundError:
        return int(store.put_context_type(mlmd.ContextType(name=name)))
