"""The picture has a dark cell where a token looked, and the tokens beside it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from common import attention_picture

SOURCE, TARGET = ["a", "<b>", " ", "$x_1$", "[END]"], ["▁día", "中\x00\n"]
WEIGHTS = [[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]


def test_an_svg_holds_the_tokens_as_text(tmp_path: Path) -> None:
    file = tmp_path / "seen.svg"
    attention_picture.save(file, SOURCE, TARGET, WEIGHTS)
    found = [text.text for text in ElementTree.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert found == ["a", "<b>", "␣", "$x_1$", "[END]", "▁día", "中�⏎"]


def test_cells_are_dark_where_the_tokens_meet(tmp_path: Path) -> None:
    file = tmp_path / "seen.png"
    attention_picture.save(file, SOURCE, TARGET, WEIGHTS)
    pixels = np.asarray(Image.open(file).convert("RGB")).astype(int)
    # matplotlib's "Blues" end at (8, 48, 107); nothing else in the picture has that colour.
    dark = (np.abs(pixels - (8, 48, 107)).sum(axis=2) < 12).nonzero()
    ys, xs = (values - values.min() for values in dark)
    side = (ys.max() + 1) / 2
    cells = Counter((int(y // side), int(x // side)) for y, x in zip(ys, xs, strict=True))
    # Counted from the first dark column; a pixel on the border of a cell may count as the next one's.
    assert {cell for cell, count in cells.items() if count > side**2 / 2} == {(0, 0), (1, 3)}


@pytest.mark.parametrize("suffix", attention_picture.FORMATS)
def test_every_format(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"seen{suffix}"
    attention_picture.save(file, SOURCE, TARGET, WEIGHTS)
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert file.read_bytes().startswith(begins[suffix])
