"""The DAG as a picture, and what the run was made with: configuration, code, versions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pydantic
import yaml

from pipeline import metadata, node_list
from pipeline.node_names import EVALUATION_NODES, NODES
from pipeline.runs import NodeRun
from pipeline.sections import Config
from reports import graph, words
from reports.page import Section, render
from reports.run import verdict
from reports.run_facts import RunFacts

# The part of the report that tells of what a node made.
TOLD_IN = {
    "ExampleGen": "data",
    "StatisticsGen": "data",
    "last_span_statistics": "data",
    "ExampleValidator": "data",
    "SchemaGen": "schema",
    "Transform": "schema",
    "WordPairs": "schema",
    "Tuner": "training",
    "warm_start_model": "training",
    "evaluated_model": "verdict",
    "Trainer": "training",
    "latest_blessed_model": "evaluation",
    "Evaluator": "evaluation",
    "Attributions": "attributions",
    "ServingCheck": "verdict",
    "ModelOptimizer": "verdict",
    "Pusher": "verdict",
}
_STYLES = {"complete": "ok", "cached": "cached", "failed": "bad", "running": "warn", "not reached": "none"}


def section(facts: RunFacts) -> Section:
    """The picture, with the state and the seconds of each node, and a table of what it was made with."""
    nodes = _nodes(facts)
    failed = {gate.node for gate in verdict.gates_of(facts) if gate.state == verdict.FAILED}
    picture = graph.svg(
        [_box(node, facts, failed) for node in nodes],
        edges(facts, nodes),
        f"The components of run {facts.id}: " + ", ".join(f"{node.id} {node.state}" for node in nodes),
    )
    html = render(
        "dag.html",
        run=facts.run,
        picture=picture,
        nodes=nodes,
        told_in=TOLD_IN,
        styles=_STYLES,
        failed=failed,
        longest=max((node.seconds or 0 for node in nodes), default=0),
        config=yaml.safe_dump(facts.config, sort_keys=False, allow_unicode=True, width=100)
        if facts.config
        else "",
    )
    return Section("dag", "Run", html)


def edges(facts: RunFacts, nodes: Sequence[NodeRun]) -> list[graph.Edge]:
    """What each execution read of what the others made, as recorded; and what a node only comes after.

    A node that was not reached has recorded nothing: its edges are those of the configuration.
    """
    by_execution = {node.execution_id: node.id for node in nodes if node.execution_id is not None}
    events = metadata.events_of_executions(facts.store, by_execution)
    makers: dict[int, set[str]] = {}
    for event in events:
        if event.type not in metadata.INPUTS:
            makers.setdefault(event.artifact_id, set()).add(by_execution[event.execution_id])
    found: dict[tuple[str, str], set[str]] = {}
    for event in events:
        if event.type in metadata.INPUTS:
            reader = by_execution[event.execution_id]
            for maker in _nearest(makers.get(event.artifact_id, set()), reader, metadata.keys(event)):
                found.setdefault((maker, reader), set()).update(metadata.keys(event))
    recorded = [
        graph.Edge(maker, reader, f"{maker} → {reader}: {', '.join(sorted(keys)).replace('_', ' ')}")
        for (maker, reader), keys in found.items()
    ]
    return recorded + [
        graph.Edge(source, target, f"{target} comes after {source}", waiting=True)
        for source, target in _configured(facts)
        if (source, target) not in found
    ]


def _nearest(makers: set[str], reader: str, keys: Sequence[str]) -> set[str]:
    """A former artifact that a resolver chose counts as the resolver's, whoever made it."""
    others = makers - {reader}
    resolvers = {
        maker
        for maker in others
        if maker in ("latest_blessed_model", "last_span_statistics", "warm_start_model")
    }
    is_former = bool({"baseline_model", "base_model", "baseline_statistics"} & set(keys))
    return (resolvers or others) if is_former else others - resolvers


def _configured(facts: RunFacts) -> list[tuple[str, str]]:
    """(node, node after it), from the recorded configuration; none where an older version wrote it."""
    if facts.is_evaluation:
        return list(itertools.pairwise(EVALUATION_NODES))
    try:
        listed = node_list.node_list(Config.model_validate(facts.config))
    except (pydantic.ValidationError, KeyError):
        order = [node.id for node in facts.nodes]
        return list(itertools.pairwise(order))
    return [(source, node.id) for node in listed for source in node.upstream]


def _nodes(facts: RunFacts) -> list[NodeRun]:
    """The nodes of the run, and those of its configuration that it did not reach."""
    known = {node.id for node in facts.nodes}
    unreached = {
        target: NodeRun(target, "not reached") for _, target in _configured(facts) if target not in known
    }
    order = {node_id: place for place, node_id in enumerate(NODES)}
    return sorted([*facts.nodes, *unreached.values()], key=lambda node: order.get(node.id, len(order)))


def _box(node: NodeRun, facts: RunFacts, gates: set[str]) -> graph.Node:
    took = words.seconds(node.seconds) if node.state != "not reached" else ""
    closed = node.id in gates
    detail = " · ".join(part for part in ("gate failed" if closed else node.state, took) if part)
    style = "bad" if closed else _STYLES.get(node.state, "")
    link = f"#{TOLD_IN[node.id]}" if node.id in TOLD_IN and node.execution_id is not None else ""
    return graph.Node(node.id, node.id, detail, style, link, _hint(node, facts))


def _hint(node: NodeRun, facts: RunFacts) -> str:
    made: dict[str, Any] = facts.made(node.id)
    lines = [
        f"{key}: artifact {', '.join(str(artifact.id) for artifact in found)}" for key, found in made.items()
    ]
    return "\n".join([f"{node.id}: {node.state}", *lines])
