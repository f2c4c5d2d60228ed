from __future__ import annotations

import re

import pytest

from reports import graph
from reports.graph import Edge, Node

EVIL = '"><script>alert(1)</script>'


def edges(*pairs: str) -> list[Edge]:
    return [Edge(*pair.split(">")) for pair in pairs]


def test_layers_are_longest_paths_and_starts_stand_near_what_they_lead_to() -> None:
    found = graph.layering(list("abcdr"), edges("a>b", "b>c", "a>c", "c>d", "r>d"))
    assert found == {"a": 0, "b": 1, "c": 2, "d": 3, "r": 2}


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle: b, c"):
        graph.layering(list("abc"), edges("a>b", "b>c", "c>b"))


def test_a_box_for_each_node_and_a_path_for_each_edge() -> None:
    nodes = [Node(name, name, "cached", link=f"#{name}") for name in "abcd"]
    drawn = graph.svg(nodes, edges("a>b", "b>c", "c>d", "a>c", "a>d", "a>elsewhere"), "four boxes")
    assert drawn.count("<rect") == 4
    assert drawn.count('class="edge"') == 5
    assert 'href="#c"' in drawn
    assert 'aria-label="four boxes"' in drawn


def test_long_edges_of_one_node_share_a_rail_beside_the_boxes() -> None:
    nodes = [Node(name, name) for name in "abcde"]
    drawn = graph.svg(nodes, edges("a>b", "b>c", "c>d", "d>e", "a>c", "a>e", "b>d"), "rails")
    left = float(re.search(r'translate\(([\d.]+) 3\)">\n<path', drawn)[1])  # type: ignore[index]
    rails = {tuple(re.findall(r"Q(-?[\d.]+) ", path)) for path in re.findall(r'd="(M[^"]*Q[^"]*)"', drawn)}
    lanes = {float(x) for xs in rails for x in xs}
    assert len(rails) == 2
    assert all(abs(x) > 176 / 2 for x in lanes)
    assert all(-left <= x for x in lanes)


def test_names_are_text() -> None:
    drawn = graph.svg([Node("a", EVIL, EVIL, hint=EVIL), Node("b", "b")], [Edge("a", "b", EVIL)], EVIL)
    assert "<script" not in drawn
