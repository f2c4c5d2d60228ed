"""Lineage as a picture: an arrow leads from what was read to what was made, a box to the artifact's page."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import facts
from pipeline.lineage import Graph
from reports import graph
from reports.ui import links

# How many steps are followed and how many boxes are drawn: examples may have led to thousands of models.
MOST_STEPS = 150
MOST_BOXES = 60
MOST_OF_A_TYPE = 6

_WIDTH = 232


@dataclass(frozen=True)
class Drawn:
    """A picture, all artifacts in it and beside it (with the node and run that made each), and how many are left out."""

    picture: Markup
    rows: list[tuple[mlmd.Artifact, str, str]]
    left_out: int
    is_cut: bool


def drawn(found: Graph, direction: str) -> Drawn | None:
    """The graph of an artifact; None when there is nothing but itself."""
    others = sorted((i for i in found.artifacts if i != found.root), reverse=True)
    if not others:
        return None
    shown = {found.root, *_latest(found, others)}
    boxes = [_box(found, i) for i in sorted(shown)]
    edges = [
        graph.Edge(str(read.artifact_id), str(made.artifact_id), f"{step.node}: {read.key}")
        for _, step in sorted(found.steps.items())
        for read in step.inputs
        for made in step.outputs
        if read.artifact_id in shown and made.artifact_id in shown
    ]
    root = found.artifacts[found.root]
    picture = graph.svg(boxes, edges, f"{root.type} {root.id} {direction}: {len(shown)} artifacts", _WIDTH)
    rows = [(found.artifacts[i], *_made(found, i)) for i in others]
    return Drawn(picture, rows, len(found.artifacts) - len(shown), found.is_cut)


def _latest(found: Graph, ids: list[int]) -> list[int]:
    """Of each type made by one node the latest few."""
    counts: dict[tuple[str, str], int] = {}
    kept = []
    for artifact_id in ids:
        kind = (found.artifacts[artifact_id].type, _made(found, artifact_id)[0])
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST_OF_A_TYPE:
            kept.append(artifact_id)
    return kept[:MOST_BOXES]


def _box(found: Graph, artifact_id: int) -> graph.Node:
    artifact = found.artifacts[artifact_id]
    node, run = _made(found, artifact_id)
    is_root = artifact_id == found.root
    gone = facts.gone(artifact)
    return graph.Node(
        str(artifact_id),
        f"{artifact.type} {artifact_id}",
        f"{node} {run}".strip(),
        style="here" if is_root else "none" if gone else "",
        link="" if is_root else links.artifact(artifact_id),
        hint=f"{artifact.type} {artifact_id}, {node} in run {run}{f' ({gone})' if gone else ''}",
    )


def _made(found: Graph, artifact_id: int) -> tuple[str, str]:
    maker = found.maker(artifact_id)
    return (maker.node, maker.run) if maker else ("", "")
