"""docs/trainer-module.md: its whole module, in a folder of its own, takes a CSV to a pushed model."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from tests.end_to_end.project import REPOSITORY

pytestmark = pytest.mark.slow
FILE = re.compile(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_module_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = dict(FILE.findall((REPOSITORY / "docs" / "trainer-module.md").read_text()))
    assert sorted(files) == ["rings.yaml", "waves.py", "waves_config.py"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    generator = random.Random(7)
    points = [(generator.uniform(-1, 1), generator.uniform(-1, 1)) for _ in range(400)]
    rows = [f"{x:.4f},{y:.4f},{'inner' if x * x + y * y < 0.5 else 'outer'}" for x, y in points]
    (tmp_path / "rings.csv").write_text("\n".join(["x,y,ring", *rows, ""]))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    command = [sys.executable, "-m", "pipeline.cli", "run", "rings.yaml", "--home", "home"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model = tf.saved_model.load(str(tmp_path / "home" / "serving" / "rings" / "1"))
    answer = model.signatures["serving_default"](x=tf.constant([0.0, 0.95]), y=tf.constant([0.0, 0.95]))
    assert answer["label"].numpy().tolist() == [b"inner", b"outer"]
