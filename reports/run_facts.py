"""One run as ML Metadata tells of it, and where its artifacts are."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import facts, metadata, runs
from pipeline.copies import Copies
from pipeline.home import Home
from pipeline.metadata import Store
from pipeline.runs import NodeRun, Run


class Missing(Exception):
    """What a section is made of is not there; the message says in a sentence what, and why.

    was_there: whether it once was, and is gone or damaged now.
    """

    def __init__(self, message: str, was_there: bool = True) -> None:
        super().__init__(message)
        self.was_there = was_there


@dataclass(frozen=True)
class RunFacts:
    """One run of a pipeline; properties that an older version of this project did not record are empty."""

    home: Home
    store: Store
    run: Run

    @property
    def pipeline(self) -> str:
        return self.run.pipeline

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def is_evaluation(self) -> bool:
        """Whether it evaluated a model on unseen data."""
        return self.run.kind == runs.EVALUATION

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, with the keys of the catalog file; empty where none was recorded."""
        return self.run.config

    @property
    def task(self) -> str:
        return str(self.config.get("task", ""))

    @property
    def labels(self) -> list[str]:
        """The label columns."""
        label = self.config.get("label", [])
        return [label] if isinstance(label, str) else list(label)

    @property
    def nodes(self) -> list[NodeRun]:
        """The nodes in the order of the DAG: state (complete, cached, failed, running, not reached) and seconds."""
        return self.run.nodes

    @functools.cached_property
    def _outputs(self) -> dict[str, dict[str, list[mlmd.Artifact]]]:
        """Node -> output key -> artifacts, of all nodes at once."""
        nodes = {node.execution_id: node.id for node in self.nodes if node.execution_id is not None}
        events = [e for e in metadata.events_of_executions(self.store, nodes) if e.type in metadata.OUTPUTS]
        known = {a.id: a for a in metadata.artifacts(self.store, (e.artifact_id for e in events))}
        found: dict[str, dict[str, list[mlmd.Artifact]]] = {node.id: {} for node in self.nodes}
        for event in events:
            if event.artifact_id in known:
                for key in metadata.keys(event):
                    found[nodes[event.execution_id]].setdefault(key, []).append(known[event.artifact_id])
        return found

    def made(self, node: str) -> dict[str, list[mlmd.Artifact]]:
        """Output key -> artifacts of a node."""
        return self._outputs.get(node, {})

    def outputs(self, node: str, key: str) -> list[mlmd.Artifact]:
        """The artifacts of a node under an output key, made by this run or taken from the cache; maybe none."""
        return self.made(node).get(key, [])

    def inputs(self, node: str, key: str) -> list[mlmd.Artifact]:
        """The artifacts that a node read under an input key."""
        execution = self.run.node(node).execution_id
        if execution is None:
            return []
        events = metadata.events_of_executions(self.store, [execution])
        ids = [e.artifact_id for e in events if e.type in metadata.INPUTS and key in metadata.keys(e)]
        return metadata.artifacts(self.store, ids)

    def artifact(self, node: str, key: str) -> mlmd.Artifact:
        """The artifact of a node under an output key, whether its files are there or not.

        Raises:
          Missing: the node made none, with its state.
        """
        found = self.outputs(node, key)
        if not found:
            state = self.run.node(node).state
            reason = "was not reached" if state == "not reached" else f"made none: it is {state}"
            raise Missing(f"There is no {key.replace('_', ' ')}: {node} {reason}.", was_there=False)
        return found[0]

    def folder(self, node: str, key: str) -> Path:
        """The folder of an artifact, or of its copy here.

        Raises:
          Missing: there is no such artifact, or its files are gone.
        """
        artifact = self.artifact(node, key)
        gone = facts.gone(artifact)
        if gone:
            raise Missing(f"The {key.replace('_', ' ')} of {node} (artifact {artifact.id}) is gone: {gone}.")
        return Copies(self.home).fetch(artifact.uri)

    def json(self, node: str, key: str, name: str) -> Any:
        """The value of a JSON file in the folder of an artifact.

        Raises:
          Missing: no artifact, no such file in it, or no JSON.
        """
        path = self.folder(node, key) / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            raise Missing(f"The {key.replace('_', ' ')} of {node} has no {name}.") from None
        except ValueError:
            raise Missing(f"{name} of {node} is damaged: it is no JSON.") from None


def find(home: Home, pipeline: str, selector: str = "last", store: Store | None = None) -> RunFacts:
    """The facts of a run, chosen as for `mlpipe status`: an id, its start, last, last~N, vN or evaluation.

    Raises:
      NoRuns, BadInput: nothing has run in this home, or there is no such pipeline or run.
    """
    store = store or metadata.open_store(home)
    return RunFacts(home, store, runs.get_run(store, pipeline, selector))
