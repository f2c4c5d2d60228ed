"""Memory does not grow with the number of images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data import idx
from tests.components.image_example_gen.images import encoded, pixels, write_file

COUNT = 20_000
SCRIPT = """
import resource, sys
from pathlib import Path
from tests.components.image_example_gen.images import run

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

small, large, out, layout = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
run(small, out / "small", images=layout)
before = peak()
run(large, out / "large", images=layout)
print("GROWN", peak() - before)
"""


def grown(small: Path, large: Path, out: Path, layout: str) -> int:
    """By how many MB the peak of a fresh process rises, from a run on a few images to one on many."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, small, large, out, layout],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.split("GROWN")[1])


def write_idx(folder: Path, count: int, side: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(1)
    blocks = (random.bytes(side * side) for _ in range(count))
    idx.write(folder / "train-images-idx3-ubyte.gz", (count, side, side), blocks)
    idx.write(
        folder / "train-labels-idx1-ubyte.gz", (count,), [bytes(number % 10 for number in range(count))]
    )
    return folder


@pytest.mark.slow
def test_twenty_thousand_images_of_idx(tmp_path: Path) -> None:
    """180 MB of pixels."""
    large = write_idx(tmp_path / "large", COUNT, 96)
    assert grown(write_idx(tmp_path / "small", 100, 96), large, tmp_path / "out", "idx") < 100


@pytest.mark.slow
def test_twenty_thousand_files(tmp_path: Path) -> None:
    """380 MB of files: a hundred images, told apart by what stands behind their end."""
    contents = [encoded(pixels(seed, 80, 80)) + bytes(18_000) for seed in range(100)]
    for name, count in (("small", 100), ("large", COUNT)):
        for number in range(count):
            content = contents[number % 100] + str(number).encode()
            write_file(tmp_path / name / str(number % 10) / f"{number}.png", content)
    assert grown(tmp_path / "small", tmp_path / "large", tmp_path / "out", "folders") < 100
