"""A run imports Google Cloud's clients only where its configuration names something there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline import config, google_cloud

SCRIPT = """
import sys
from pipeline import google_cloud

with google_cloud.absent(unless=sys.argv[1] == "asked"):
    import pipeline.dag
    import pipeline.runners.local
clients = sorted({name for name in sys.modules if name.startswith("google.cloud.")})
from apache_beam.io.filesystem import FileSystem
import google.cloud.storage
print(bool(clients), "GCSFileSystem" in {one.__name__ for one in FileSystem.get_all_subclasses()})
"""


@pytest.mark.parametrize(("asked", "imported"), [("asked", "True True"), ("not asked", "False False")])
def test_the_dag_imports_them_only_where_asked_for(asked: str, imported: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, asked], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == imported


@pytest.mark.parametrize(
    ("overrides", "asked"),
    [
        ([], False),
        (["push.directory=gs://bucket/models"], True),
        (["data.path=gs://bucket/rows.csv"], True),
        (['beam.options=["--temp_location=gs://bucket/tmp"]'], True),
    ],
)
def test_what_asks_for_them(overrides: list[str], asked: bool) -> None:
    assert google_cloud.is_asked_for(config.load("penguin", overrides)) is asked
