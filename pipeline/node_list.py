"""The nodes of a pipeline and what each waits for, told from the configuration alone: nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.errors import BadInput
from pipeline.sections import Config
from pipeline.wording import nearest


@dataclass(frozen=True)
class Node:
    """A node of the DAG and the nodes whose results it takes or waits for."""

    id: str
    upstream: tuple[str, ...]


def node_list(config: Config) -> list[Node]:
    """The nodes that `pipeline.dag` makes of a configuration, in an order in which they can run; Pusher is the last."""
    return [Node(node_id, tuple(upstream)) for node_id, upstream in _nodes(config)]


def find(nodes: Sequence[Node], node_id: str) -> Node:
    """The node of that id; raises BadInput with the nearest ones."""
    known = {node.id: node for node in nodes}
    if node_id not in known:
        raise BadInput(
            f"no component {node_id!r}{nearest(node_id, known) or ': there is ' + ', '.join(known)}"
        )
    return known[node_id]


def ancestors(nodes: Sequence[Node], node_id: str) -> list[str]:
    """All nodes that come before one, in their order."""
    found: set[str] = set()
    for node in reversed(nodes):
        if node.id == node_id or node.id in found:
            found.update(node.upstream)
    return [node.id for node in nodes if node.id in found]


def _nodes(config: Config) -> Iterator[tuple[str, list[str]]]:
    yield "ExampleGen", []
    yield "StatisticsGen", ["ExampleGen"]
    yield "SchemaGen", [] if config.schema_.curated else ["StatisticsGen"]
    drift = ["last_span_statistics"] if config.schema_.drift else []
    for node_id in drift:
        yield node_id, ["StatisticsGen"]
    yield "ExampleValidator", ["StatisticsGen", "SchemaGen", *drift]
    yield "Transform", ["ExampleGen", "SchemaGen", "ExampleValidator"]
    fit = ["SchemaGen", "Transform"]
    if config.task == "embedding":
        yield "WordPairs", ["Transform"]
        fit.append("WordPairs")
    extra = []
    if config.trainer.tuning.get("trials"):
        yield "Tuner", fit
        extra.append("Tuner")
    if config.trainer.training.get("warm_start"):
        yield "warm_start_model", []
        extra.append("warm_start_model")
    yield "Trainer", [*fit, *extra]
    yield "latest_blessed_model", ["Trainer"]
    yield "Evaluator", ["ExampleGen", "SchemaGen", "Trainer", "latest_blessed_model"]
    checks = ["Evaluator"]
    if config.attributions:
        yield "former_attributions", ["latest_blessed_model"]
        yield "Attributions", ["ExampleGen", "Trainer", "Evaluator", "former_attributions"]
        checks.append("Attributions")
    if config.serving_check.enabled:
        yield "ServingCheck", ["ExampleGen", "SchemaGen", "Trainer", *checks]
        checks.append("ServingCheck")
    if config.optimizer:
        yield "ModelOptimizer", ["ExampleGen", "SchemaGen", "Trainer", *checks]
        checks.append("ModelOptimizer")
    yield "Pusher", ["Trainer", *checks]
