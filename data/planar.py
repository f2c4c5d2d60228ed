"""A flower in the plane with petals of two colours, which no straight line can tell apart.

Generated: for colour j of 0 and 1, angle t runs over [3.12 j, 3.12 (j + 1)] with noise of 0.2, and the radius is
4 sin(4 t) with noise of 0.2. The classic exercise of a first neural network with one hidden layer; own code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data import files

COLOURS = ("red", "blue")


def write_csv(folder: Path, rows: int = 2000, seed: int = 0) -> Path:
    """Writes planar.csv: `rows` points x1, x2 with the label `color` (red, blue), as many of each."""
    random = np.random.default_rng(seed)
    points: list[list[str]] = []
    for number, colour in enumerate(COLOURS):
        count = (rows + number) // len(COLOURS)
        angle = np.linspace(number * 3.12, (number + 1) * 3.12, count) + random.normal(scale=0.2, size=count)
        radius = 4 * np.sin(4 * angle) + random.normal(scale=0.2, size=count)
        x1, x2 = radius * np.sin(angle), radius * np.cos(angle)
        points += [[f"{a:.9g}", f"{b:.9g}", colour] for a, b in zip(x1, x2, strict=True)]
    shuffled = [points[i] for i in random.permutation(len(points))]
    return files.write_rows(folder, "planar.csv", ["x1", "x2", "color"], shuffled)
