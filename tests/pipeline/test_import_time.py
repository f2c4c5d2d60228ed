"""Commands that only ask questions import none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.home import Home
from tests.pipeline.records import Recorder

HEAVY = (
    "tensorflow",
    "apache_beam",
    "tfx",
    "keras",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "pandas",
)
SCRIPT = """
import sys
from pipeline import cli

heavy_names = set(sys.argv.pop(1).split())
try:
    cli.main()
except SystemExit as ended:
    code = ended.code
heavy = sorted({name.partition(".")[0] for name in sys.modules} & heavy_names)
print("HEAVY", code or 0, *heavy, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    recorder = Recorder(home)
    recorder.run("20261123-010101")
    recorder.run("20261123-020202", rows=345)
    return home


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "From raw data|TFX pipelines"),
        (["list"], "penguin"),
        (["describe", "penguin"], "Trainer"),
        (["runs", "penguin"], "20261123-010101"),
        (["status", "penguin"], "20261123-020202"),
        (["lineage", "model", "1"], "Trainer"),
        (["lineage", "penguin", "--json"], '"type"'),
        (["compare", "last~1", "last"], "rows"),
        (["gc"], "nothing was deleted"),
        (["data", "list"], "fashion_mnist"),
        (["node", "list", "penguin"], "ExampleValidator"),
        (["serve", "--help"], "--rest-api-port"),
        (["predict", "--help"], "--local"),
        (["generate", "--help"], "--local"),
        (["translate", "--help"], "--attention"),
    ],
)
def test_questions_are_cheap(arguments: list[str], shown: str, home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, " ".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        env={"MLPIPE_HOME": str(home.root), "PATH": "", "COLUMNS": "200"},
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr.splitlines()[-1] == "HEAVY 0", done.stderr
    assert any(word in done.stdout for word in shown.split("|")), done.stdout
