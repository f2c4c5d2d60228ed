"""All runs in short, in memory: read once, newest first, then only what has changed since.

ML Metadata cannot be asked for runs by state or text, and gives a run's executions run by run. So lists, filters and
trends are answered from here; the executions of a run are read only when its page is.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput, UserError
from pipeline import companions, facts, metadata, outcomes
from pipeline.metadata import Store
from pipeline.outcomes import Outcome
from pipeline.runs import EVALUATION, TRAINING, iso, model_of, seconds_between, text
from reports.ui.stores import Stores

# A writer's change can come to light after a later one's: what changed so long before the last is read again.
_OVERLAP_MS = 60_000
_AT_ONCE = 50


@dataclass(frozen=True)
class Row:
    """One run in short; state is empty where another tool ran it, and outcome None while it is not known.

    kind, about and model are those of `pipeline.runs.Run`.
    """

    context_id: int
    id: str
    pipeline: str
    state: str
    reason: str
    started: str
    ended: str
    changed: int
    by_node: bool
    home: str
    config: str
    parts: str
    fingerprint: str
    outcome: Outcome | None
    kind: str
    about: str
    model: int | None

    @property
    def recorded_under(self) -> str:
        """The name that its lock and its log go by."""
        return companions.evaluations_of(self.pipeline) if self.kind == EVALUATION else self.pipeline

    @property
    def shown_state(self) -> str:
        """The state, or what its components tell of it."""
        if self.state or self.outcome is None:
            return self.state
        nodes = self.outcome.nodes
        return "running" if "running" in nodes else "failed" if "failed" in nodes else "succeeded"

    @property
    def seconds(self) -> float | None:
        """Wall time, None while the run goes on or where nobody saw it end."""
        return seconds_between(self.started, self.ended)

    @property
    def has_ended(self) -> bool:
        return self.shown_state != "running"


class Index:
    """The runs of a home; each method answers from what is in memory, after a look at what has changed."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._changed = threading.Condition()
        self._rows: dict[int, Row] = {}
        self._sorted: dict[str, list[Row]] = {}
        self._pipelines: list[str] = []
        self._seen = 0
        self._is_complete = False
        self._loader: threading.Thread | None = None
        self._trouble: Exception | None = None

    def load(self) -> threading.Thread:
        """Begins to read all runs, and what came of older ones, unless that has begun; the thread that does it."""
        with self._changed:
            if self._loader is None:
                self._trouble = None
                self._loader = threading.Thread(target=self._load, daemon=True)
                self._loader.start()
            return self._loader

    def pipelines(self) -> dict[str, Row]:
        """Pipeline -> its last run; of one that has evaluations alone, the last of those."""
        self._wait(
            lambda: bool(self._pipelines) and all(self._of(name, TRAINING) for name in self._pipelines)
        )
        with self._changed:
            return {
                name: next((row for row in rows if row.kind == TRAINING), rows[0])
                for name, rows in sorted(self._sorted.items())
            }

    def runs(self, pipeline: str, at_least: int | None = None, kind: str = TRAINING) -> list[Row]:
        """The runs of a pipeline of one kind, or of all where it is empty, the last one first.

        at_least: so many of the last ones suffice, where not all have been read yet.
        """
        self._wait(lambda: at_least is not None and len(self._of(pipeline, kind)) >= at_least)
        with self._changed:
            return self._of(pipeline, kind)

    def row(self, context_id: int) -> Row:
        """One run.

        Raises:
          BadInput: there is none of that context.
        """
        self._wait(lambda: context_id in self._rows)
        with self._changed:
            if context_id not in self._rows:
                raise BadInput(f"There is no run with the context {context_id}.")
            return self._rows[context_id]

    def counts(self) -> dict[str, int] | None:
        """Pipeline -> how many runs it has, evaluations on unseen data left out; None while they are read."""
        with self._changed:
            return (
                {name: len(self._of(name, TRAINING)) for name in self._sorted} if self._is_complete else None
            )

    def with_outcomes(self, rows: Iterable[Row]) -> list[Row]:
        """The same runs, each with its outcome: read where a run keeps none, as older ones, or goes on."""
        rows = list(rows)
        lacking = [row.context_id for row in rows if row.outcome is None]
        if not lacking:
            return rows
        with self._stores.borrow() as store:
            found = outcomes.read(store, lacking)
        with self._changed:
            for row in rows:
                told = replace(row, outcome=found.get(row.context_id, row.outcome))
                if told.has_ended and self._rows.get(row.context_id) == row:
                    self._put(told)
        return [replace(row, outcome=found.get(row.context_id, row.outcome)) for row in rows]

    def _of(self, pipeline: str, kind: str) -> list[Row]:
        return [row for row in self._sorted.get(pipeline, ()) if not kind or row.kind == kind]

    def _wait(self, enough: Callable[[], bool]) -> None:
        """Comes back when all runs are in memory, or enough of them; they are brought up to date then."""
        self.load()
        with self._changed:
            self._changed.wait_for(lambda: self._is_complete or self._trouble is not None or enough())
            trouble = self._trouble
            is_complete = self._is_complete
        if trouble is not None:
            self._loader = None
            raise trouble
        if is_complete:
            with self._stores.borrow() as store:
                self._read(store, until=self._seen - _OVERLAP_MS)

    def _load(self) -> None:
        try:
            with self._stores.borrow() as store:
                self._pipelines = metadata.pipelines(store)
                self._read(store, until=-1)
                with self._changed:
                    self._is_complete = True
                    self._changed.notify_all()
        except Exception as error:
            with self._changed:
                self._trouble = error
                self._changed.notify_all()
            return
        with suppress(UserError):
            for rows in list(self._sorted.values()):
                for start in range(0, len(rows), _AT_ONCE):
                    self.with_outcomes(row for row in rows[start : start + _AT_ONCE] if row.has_ended)

    def _read(self, store: Store, until: int) -> None:
        """Takes over what changed after `until`, milliseconds since the epoch."""
        seen = self._seen
        for page in metadata.contexts_by_change(store):
            runs = [context for context in page if context.type == "pipeline_run"]
            above = {c.id: _pipeline(store, c) for c in runs if c.id not in self._rows}
            with self._changed:
                for context in runs:
                    known = self._rows.get(context.id)
                    pipeline = known.pipeline if known else above.get(context.id)
                    # One that is just being registered belongs to none yet.
                    if pipeline and (known is None or known.changed != context.last_update_time_since_epoch):
                        self._put(_row(context, pipeline))
                self._changed.notify_all()
            seen = max(seen, *(context.last_update_time_since_epoch for context in page), 0)
            if page and page[-1].last_update_time_since_epoch < until:
                break
        self._seen = seen

    def _put(self, row: Row) -> None:
        listed = self._sorted.setdefault(row.pipeline, [])
        place = _place(listed, row.context_id)
        # What was there is replaced.
        listed[place : place + (row.context_id in self._rows)] = [row]
        self._rows[row.context_id] = row


def _pipeline(store: Store, run: mlmd.Context) -> str:
    """The pipeline of a run, empty while it is being registered."""
    named = _name(text(run, "mlpipe_config"))
    if named:
        return named
    # What an older version of this project, or another tool, ran.
    above = (str(c.name) for c in metadata.parents(store, run.id) if c.type == "pipeline")
    return companions.owner(next(above, ""))


@functools.lru_cache(maxsize=256)
def _name(config: str) -> str:
    """The name in a configuration; most runs have the configuration of the one before."""
    found = facts.parsed(config, None)
    return str(found.get("name") or "") if isinstance(found, dict) else ""


def _place(rows: list[Row], context_id: int) -> int:
    """Where a run is, or belongs, in a list with the highest id first."""
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle].context_id > context_id:
            low = middle + 1
        else:
            high = middle
    return low


def _row(context: mlmd.Context, pipeline: str) -> Row:
    state = text(context, "mlpipe_state")
    outcome = outcomes.parse(text(context, outcomes.PROPERTY)) if state not in ("running", "") else None
    return Row(
        context_id=context.id,
        id=context.name,
        pipeline=pipeline,
        state=state,
        reason=text(context, "mlpipe_reason"),
        started=text(context, "mlpipe_started") or iso(context.create_time_since_epoch),
        ended=text(context, "mlpipe_ended"),
        changed=context.last_update_time_since_epoch,
        by_node=text(context, "mlpipe_unit") == "node",
        home=text(context, "mlpipe_home"),
        # Most runs of a pipeline have the same.
        config=sys.intern(text(context, "mlpipe_config")),
        parts=sys.intern(text(context, "mlpipe_parts")),
        fingerprint=text(context, "mlpipe_fingerprint"),
        outcome=outcome,
        kind=EVALUATION if text(context, "mlpipe_kind") == EVALUATION else TRAINING,
        about=text(context, "mlpipe_about"),
        model=model_of(context),
    )
