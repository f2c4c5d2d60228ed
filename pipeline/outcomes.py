"""What came of runs in a few figures: what lists and trends show of each, where there are thousands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import UserError
from pipeline import facts, metadata, pushes, runs
from pipeline.lineage import RESOLVER
from pipeline.metadata import Store

# The property of a run that keeps its outcome when it has ended.
PROPERTY = "mlpipe_outcome"


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    nodes: state -> how many components are in it, resolvers left out.
    blessed: what the Evaluator found, None where it found nothing.
    pushed: the version that the model was pushed as, None when it was not; destination: its folder or URI; model: the
      artifact of the model.
    metrics: metric (with the output before it, where a model has several) -> value over all held-out examples.
    """

    nodes: dict[str, int] = field(default_factory=dict)
    blessed: bool | None = None
    pushed: int | None = None
    destination: str | None = None
    model: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    def dump(self) -> str:
        """As JSON, for PROPERTY."""
        return json.dumps(asdict(self))


def parse(text: str) -> Outcome | None:
    """What `dump` wrote; None for anything else."""
    try:
        return Outcome(**json.loads(text))
    except (TypeError, ValueError):
        return None


def read(store: Store, run_contexts: Iterable[int]) -> dict[int, Outcome]:
    """Context id of a run -> its outcome, from its executions and what they made."""
    latest = {context: _latest(store.get_executions_by_context(context)) for context in run_contexts}
    ids = {execution.id for executions in latest.values() for execution in executions}
    made: dict[int, list[mlmd.Event]] = {}
    models: dict[int, int] = {}
    for event in metadata.events_of_executions(store, ids):
        if event.type in metadata.OUTPUTS:
            made.setdefault(event.execution_id, []).append(event)
        elif event.type in metadata.INPUTS and "model" in metadata.keys(event):
            models[event.execution_id] = event.artifact_id
    artifacts = {
        a.id: a for a in metadata.artifacts(store, (e.artifact_id for es in made.values() for e in es))
    }
    return {context: _outcome(executions, made, models, artifacts) for context, executions in latest.items()}


def _latest(executions: Iterable[mlmd.Execution]) -> list[mlmd.Execution]:
    """The last execution of each component: one that was tried again has several."""
    found = {execution.type: execution for execution in metadata.by_id(executions)}
    found.pop(RESOLVER, None)
    return list(found.values())


def _outcome(
    executions: list[mlmd.Execution],
    made: dict[int, list[mlmd.Event]],
    models: dict[int, int],
    artifacts: dict[int, mlmd.Artifact],
) -> Outcome:
    values: dict[str, Any] = {"nodes": dict(Counter(runs.state_of(execution) for execution in executions))}
    for execution in executions:
        for event in made.get(execution.id, ()):
            artifact = artifacts.get(event.artifact_id)
            if artifact is None:
                continue
            if artifact.type == "ModelBlessing":
                values["blessed"] = metadata.properties(artifact).get("blessed") == 1
            elif artifact.type == "ModelEvaluation":
                values["metrics"] = _metrics(artifact)
            elif pushes.is_push(artifact) and runs.state_of(execution) == "complete":
                recorded = metadata.properties(artifact)
                version = str(recorded.get("pushed_version"))
                values["pushed"] = int(version) if version.isdecimal() else None
                values["destination"] = recorded.get("pushed_destination")
                values["model"] = models.get(execution.id)
    return Outcome(**values)


def _metrics(evaluation: mlmd.Artifact) -> dict[str, float]:
    try:
        rows = [row for row in (facts.verdict(evaluation) or {})["metrics"] if row["slice"] == "overall"]
        return {f"{row['output']} {row['metric']}".strip(): row["value"] for row in rows}
    except (UserError, AttributeError, KeyError, TypeError):
        # Gone, damaged, or in a store that does not answer: a list does without them.
        return {}
