"""The picture holds a cell for each weight that is seen, in its place."""

from __future__ import annotations

from xml.etree import ElementTree

from common import attention_picture

SVG = "{http://www.w3.org/2000/svg}"


def test_cells_stand_where_the_tokens_meet() -> None:
    source, target = ["a", "<b>", " ", "[END]"], ["▁día", "中\x00\n"]
    weights = [[0.5, 0.25, 0.25, 0.0], [0.0, 0.004, 0.096, 0.9]]
    root = ElementTree.fromstring(attention_picture.svg(source, target, weights))
    names = [text.text for text in root.iter(f"{SVG}text")]
    assert names == ["a", "<b>", "␣", "[END]", "▁día", "中�⏎"]
    cells = {cell.findtext(f"{SVG}title"): cell for cell in root.iter(f"{SVG}rect") if len(cell)}
    assert list(cells) == [
        "a → ▁día: 0.50",
        "<b> → ▁día: 0.25",
        "␣ → ▁día: 0.25",
        "␣ → 中�⏎: 0.10",
        "[END] → 中�⏎: 0.90",
    ]
    first, last = cells["a → ▁día: 0.50"], cells["[END] → 中�⏎: 0.90"]
    side = float(first.get("width", 0))
    assert float(last.get("x", 0)) - float(first.get("x", 0)) == 3 * side
    assert float(last.get("y", 0)) - float(first.get("y", 0)) == side
    assert (first.get("fill-opacity"), last.get("fill-opacity")) == ("0.500", "0.900")
    assert float(root.get("width", 0)) > float(last.get("x", 0)) + side
    assert float(root.get("height", 0)) > float(last.get("y", 0)) + side


def test_no_tokens_make_an_empty_picture() -> None:
    root = ElementTree.fromstring(attention_picture.svg([], [], []))
    assert not list(root.iter(f"{SVG}text"))
