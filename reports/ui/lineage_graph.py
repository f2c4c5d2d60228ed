"""Lineage as a picture: an arrow leads from what was read to what was made, a box to the artifact's page."""

from __future__ import annotations

from collections import Counter
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
MOST_IN_A_ROW = 5

_WIDTH = 190
_LETTERS = 26


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
    shown = _latest_runs(found, others) if direction == "downstream" else {found.root, *others[:MOST_BOXES]}
    boxes = [_box(found, i) for i in sorted(shown)]
    edges = _edges(found, shown)
    root = found.artifacts[found.root]
    picture = graph.svg(boxes, edges, f"{root.type} {root.id} {direction}: {len(shown)} artifacts", _WIDTH)
    rows = [(found.artifacts[i], *_made(found, i)) for i in others]
    return Drawn(picture, rows, len(found.artifacts) - len(shown), found.is_cut)


def _edges(found: Graph, shown: set[int]) -> list[graph.Edge]:
    return [
        graph.Edge(str(read.artifact_id), str(made.artifact_id), f"{step.node}: {read.key}")
        for _, step in sorted(found.steps.items())
        for read in step.inputs
        for made in step.outputs
        if read.artifact_id in shown and made.artifact_id in shown
    ]


def _latest_runs(found: Graph, ids: list[int]) -> set[int]:
    """What the latest runs made, as many as fit beside each other, and what lies between that and the root."""
    made_in: dict[str, list[int]] = {}
    for artifact_id in ids:
        made_in.setdefault(_made(found, artifact_id)[1], []).append(artifact_id)
    shown = {found.root}
    for artifacts in made_in.values():
        more = shown | _with_sources(found, artifacts)
        rows = Counter(graph.layering([str(i) for i in sorted(more)], _edges(found, more)).values())
        if len(shown) > 1 and max(rows.values()) > MOST_IN_A_ROW:
            break
        shown = more
    return shown


def _with_sources(found: Graph, ids: list[int]) -> set[int]:
    """Artifacts, and all in the graph that they were made from."""
    reached: set[int] = set()
    left = list(ids)
    while left:
        artifact_id = left.pop()
        if artifact_id in found.artifacts and artifact_id not in reached:
            reached.add(artifact_id)
            maker = found.maker(artifact_id) if artifact_id != found.root else None
            left += [edge.artifact_id for edge in maker.inputs] if maker else []
    return reached


def _box(found: Graph, artifact_id: int) -> graph.Node:
    artifact = found.artifacts[artifact_id]
    node, run = _made(found, artifact_id)
    is_root = artifact_id == found.root
    gone = facts.gone(artifact)
    return graph.Node(
        str(artifact_id),
        f"{artifact.type} {artifact_id}",
        run if len(run) <= _LETTERS else f"{run[: _LETTERS - 1]}…",
        style="here" if is_root else "none" if gone else "",
        link="" if is_root else links.artifact(artifact_id),
        hint=f"{artifact.type} {artifact_id}, {node} in run {run}{f' ({gone})' if gone else ''}",
    )


def _made(found: Graph, artifact_id: int) -> tuple[str, str]:
    maker = found.maker(artifact_id)
    return (maker.node, maker.run) if maker else ("", "")
