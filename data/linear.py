"""A line in two variables with a little noise: the weights are known, so that a fit can be judged.

Generated: y = X w + b + noise with w = [2, -3.4], b = 4.2. As in "Dive into Deep Learning", section "Synthetic
Regression Data" (https://d2l.ai/chapter_linear-regression/synthetic-regression-data.html); own code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data import files

WEIGHTS = (2.0, -3.4)
BIAS = 4.2


def write_csv(folder: Path, rows: int = 1000, noise: float = 0.01, seed: int = 0) -> Path:
    """Writes linear.csv: `rows` rows of x1, x2 (standard normal) and y; `noise` is a standard deviation."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, len(WEIGHTS)))
    targets = inputs @ np.array(WEIGHTS) + BIAS + random.normal(scale=noise, size=rows)
    table = np.column_stack([inputs, targets])
    return files.write_rows(
        folder, "linear.csv", ["x1", "x2", "y"], ([f"{v:.9g}" for v in row] for row in table)
    )
