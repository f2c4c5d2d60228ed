"""Memory does not grow with the number of texts."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource, sys
from pathlib import Path
from tests.components.text_example_gen.running import run

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

run(Path(sys.argv[1]), Path(sys.argv[3], "small"), task="language_model")
before = peak()
run(Path(sys.argv[2]), Path(sys.argv[3], "large"), task="language_model")
print("GROWN", peak() - before)
"""


def write(path: Path, count: int) -> Path:
    chance = random.Random(1)
    words = [f"{chance.getrandbits(24):x}" for _ in range(50_000)]
    pool = chance.choices(words, k=200_000)
    with path.open("w") as file:
        file.write("text\n")
        for number in range(count):
            start = chance.randrange(len(pool) - 300)
            file.write(f"{number} {' '.join(pool[start : start + 300])}\n")
    return path


@pytest.mark.slow
def test_two_hundred_megabytes_of_texts(tmp_path: Path) -> None:
    small, large = write(tmp_path / "small.csv", 20_000), write(tmp_path / "large.csv", 100_000)
    assert large.stat().st_size > 190e6
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, small, large, tmp_path / "out"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split("GROWN")[1]) < 150
