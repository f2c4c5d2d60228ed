"""A directed graph without cycles as an SVG of the page: layers from top to bottom, long edges on rails beside them.

Layers are the longest paths from the start, as in Sugiyama, Tagawa and Toda (1981). An edge that passes layers does not
bend through them: all long edges of one node share a rail at the side, so that what feeds many is one line with branches.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page import render

GAP_X = 18
GAP_Y = 22
LANE = 13
RADIUS = 6
MARGIN = 3


@dataclass(frozen=True)
class Node:
    """A box: its name, a line below it, a class of the style sheet, where it leads to, and what a pointer on it shows."""

    id: str
    title: str
    detail: str = ""
    style: str = ""
    link: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Edge:
    """An arrow between two boxes; a `waiting` one carries nothing: its target only comes after its source."""

    source: str
    target: str
    hint: str = ""
    waiting: bool = False


@dataclass(frozen=True)
class _Box:
    node: Node
    x: float
    y: float
    alone: bool


@dataclass(frozen=True)
class _Rail:
    """The long edges of one node: on which side (-1 left, 1 right), in which lane from within."""

    source: str
    last: int
    side: int
    lane: int


def svg(
    nodes: Sequence[Node], edges: Sequence[Edge], description: str, width: int = 176, height: int = 42
) -> Markup:
    """The graph as SVG.

    Args:
      nodes: in the order in which those of one layer stand.
      edges: between them; edges to or from others are left out.
      description: what it shows, in a sentence, for those who do not see it.
      width: of a box, in pixels.
      height: of a box, in pixels.
    """
    known = {node.id for node in nodes}
    edges = [edge for edge in edges if edge.source in known and edge.target in known]
    layers = layering([node.id for node in nodes], edges)
    boxes = _place(nodes, edges, layers, width, height)
    rails = _rails(edges, layers)
    half = max(abs(box.x) for box in boxes.values()) + width / 2
    lanes = {
        side: max((rail.lane + 1 for rail in rails.values() if rail.side == side), default=0)
        for side in (-1, 1)
    }
    left = half + LANE * lanes[-1] + MARGIN
    draw = _Drawing(boxes, rails, layers, half, width, height)
    return render(
        "graph.html",
        boxes=[
            {"node": box.node, "x": box.x - width / 2 + left, "y": box.y + MARGIN} for box in boxes.values()
        ],
        paths=[
            {"edge": edge, "d": draw.path(edge)} for edge in sorted(edges, key=lambda edge: not edge.waiting)
        ],
        left=left,
        top=MARGIN,
        box=(width, height),
        size=(
            left + half + LANE * lanes[1] + MARGIN,
            (max(layers.values()) + 1) * (height + GAP_Y) - GAP_Y + 2 * MARGIN,
        ),
        description=description,
    )


def layering(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Node -> layer: one below the lowest that leads to it; what nothing leads to stands just above what it leads to."""
    before: dict[str, list[str]] = {node: [] for node in nodes}
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in edges:
        before[edge.target].append(edge.source)
        after[edge.source].append(edge.target)

    found: dict[str, int] = {}
    waiting = {node: len(before[node]) for node in nodes}
    ready = [node for node in nodes if not waiting[node]]
    while ready:
        node = ready.pop(0)
        found[node] = max((found[source] + 1 for source in before[node]), default=0)
        for target in after[node]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(found) < len(nodes):
        raise ValueError(f"the graph has a cycle: {', '.join(node for node in nodes if node not in found)}")
    return {
        node: min((found[target] for target in after[node]), default=1) - 1 if not before[node] else layer
        for node, layer in found.items()
    }


def _place(
    nodes: Sequence[Node], edges: Sequence[Edge], layers: dict[str, int], width: int, height: int
) -> dict[str, _Box]:
    """The boxes of a layer side by side, in the order of what leads to them, about the middle."""
    boxes: dict[str, _Box] = {}
    for layer in range(max(layers.values()) + 1):
        row = [node for node in nodes if layers[node.id] == layer]
        wanted = {
            node.id: [boxes[e.source].x for e in edges if e.target == node.id and e.source in boxes]
            for node in row
        }
        row.sort(key=lambda node: sum(wanted[node.id]) / len(wanted[node.id]) if wanted[node.id] else 0.0)
        for place, node in enumerate(row):
            x = (place - (len(row) - 1) / 2) * (width + GAP_X)
            boxes[node.id] = _Box(node, x, layer * (height + GAP_Y), len(row) == 1)
    return boxes


def _rails(edges: Sequence[Edge], layers: dict[str, int]) -> dict[str, _Rail]:
    """Source -> its rail: the shortest first, and so inside, on the side where it lies nearer to the boxes."""
    ends: dict[str, int] = {}
    for edge in edges:
        if layers[edge.target] - layers[edge.source] > 1:
            ends[edge.source] = max(ends.get(edge.source, 0), layers[edge.target])
    taken: dict[int, list[list[tuple[int, int]]]] = {-1: [], 1: []}
    rails = {}
    for source in sorted(ends, key=lambda source: (ends[source] - layers[source], layers[source])):
        span = (layers[source], ends[source])
        lane, side = min((_lane(taken[side], span), side) for side in (-1, 1))
        if lane == len(taken[side]):
            taken[side].append([])
        taken[side][lane].append(span)
        rails[source] = _Rail(source, span[1], side, lane)
    return rails


def _lane(lanes: list[list[tuple[int, int]]], span: tuple[int, int]) -> int:
    """The lane just outside of all that this span overlaps."""
    overlapping = [
        number
        for number, used in enumerate(lanes)
        if any(start < span[1] and span[0] < end for start, end in used)
    ]
    return max(overlapping, default=-1) + 1


@dataclass(frozen=True)
class _Drawing:
    boxes: dict[str, _Box]
    rails: dict[str, _Rail]
    layers: dict[str, int]
    half: float
    width: int
    height: int

    def path(self, edge: Edge) -> str:
        """The `d` of an edge's path, with the middle of the boxes at x = 0."""
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        if self.layers[edge.target] - self.layers[edge.source] == 1:
            return self._direct(source, target)
        rail = self.rails[edge.source]
        lane = rail.side * (self.half + LANE * (rail.lane + 0.8))
        return _rounded([*self._leave(source, rail.side, lane), *self._enter(target, rail.side, lane)])

    def _direct(self, source: _Box, target: _Box) -> str:
        top, bottom = source.y + self.height, target.y - 1
        if source.x == target.x:
            return f"M{source.x:g} {top:g}V{bottom:g}"
        middle = (top + bottom) / 2
        return f"M{source.x:g} {top:g}C{source.x:g} {middle:g} {target.x:g} {middle - 4:g} {target.x:g} {bottom:g}"

    def _leave(self, box: _Box, side: int, lane: float) -> list[tuple[float, float]]:
        if box.alone:
            y = box.y + self.height * 0.68
            return [(box.x + side * self.width / 2, y), (lane, y)]
        x, bottom = box.x + side * self.width * 0.3, box.y + self.height
        return [(x, bottom), (x, bottom + GAP_Y * 0.4), (lane, bottom + GAP_Y * 0.4)]

    def _enter(self, box: _Box, side: int, lane: float) -> list[tuple[float, float]]:
        if box.alone:
            y = box.y + self.height * 0.32
            return [(lane, y), (box.x + side * (self.width / 2 + 1), y)]
        x, above = box.x + side * self.width * 0.3, box.y - GAP_Y * 0.5
        return [(lane, above), (x, above), (x, box.y - 1)]


def _rounded(points: list[tuple[float, float]]) -> str:
    """A path through right-angled corners that are rounded."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{start[0]:g} {start[1]:g}Q{corner[0]:g} {corner[1]:g} {end[0]:g} {end[1]:g}")
    return "".join(parts) + f"L{points[-1][0]:g} {points[-1][1]:g}"


@functools.lru_cache
def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """A point near the corner, towards the other; not past the middle between them."""
    far = max(abs(other[0] - corner[0]), abs(other[1] - corner[1])) or 1.0
    share = min(RADIUS / far, 0.5)
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share
