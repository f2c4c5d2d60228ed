from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import UserError
from pipeline import metadata
from pipeline.home import Home

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""
WRITE = """
import sys
from pathlib import Path
from pipeline import metadata
from pipeline.home import Home
print("ready", flush=True)
sys.stdin.readline()
store = metadata.open_store(Home(Path(sys.argv[1])), create=True)
for number in range(30):
    metadata.register_run(store, "penguin", f"{sys.argv[2]}-{number}", {"mlpipe_state": "running"})
    metadata.update_run(store, f"{sys.argv[2]}-{number}", {"mlpipe_state": "succeeded"})
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_reading_where_nothing_ran_is_an_error_and_makes_no_file(home: Home) -> None:
    with pytest.raises(metadata.NoRuns, match=r"^no runs yet in .*home: start one with mlpipe run P$"):
        metadata.open_store(home)
    assert not home.root.exists()


def test_an_empty_file_is_no_store(home: Home) -> None:
    home.root.mkdir()
    home.metadata.touch()
    with pytest.raises(metadata.NoRuns):
        metadata.open_store(home)
    assert home.metadata.stat().st_size == 0


def test_a_damaged_file_is_named(home: Home) -> None:
    home.root.mkdir()
    home.metadata.write_bytes(b"not a database" * 100)
    with pytest.raises(
        UserError, match=r"metadata.sqlite is not a readable metadata database \(not a database\)"
    ):
        metadata.open_store(home)


@pytest.mark.parametrize(("schema", "words"), [(99, "a newer ML Metadata"), (9, "an older ML Metadata")])
def test_a_store_of_another_schema_is_named(home: Home, schema: int, words: str) -> None:
    metadata.open_store(home, create=True)
    with sqlite3.connect(home.metadata) as connection:
        connection.execute("UPDATE MLMDEnv SET schema_version = ?", (schema,))
    connection.close()
    with pytest.raises(UserError, match=rf"written by {words} \(schema {schema}, this one reads 10\)"):
        metadata.open_store(home)


def test_a_busy_store_is_one_clear_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_BUSY_SECONDS", 0)
    store = metadata.open_store(home, create=True)
    metadata.register_run(store, "penguin", "r1", {})
    command = [sys.executable, "-c", HOLD, str(home.metadata), "IMMEDIATE"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert [context.name for context in metadata.run_contexts(store, "penguin")] == ["r1"]
        with pytest.raises(UserError, match="is busy: another process is writing to it") as error:
            metadata.update_run(store, "r1", {"mlpipe_state": "failed"})
        assert "\n" not in str(error.value)
        holder.communicate("")
    metadata.update_run(store, "r1", {"mlpipe_state": "failed"})
    assert metadata.properties(metadata.run_contexts(store, "penguin")[0]) == {"mlpipe_state": "failed"}


def test_two_processes_create_and_write_one_store(home: Home) -> None:
    commands = [[sys.executable, "-c", WRITE, str(home.root), name] for name in ("a", "b")]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    runs = metadata.run_contexts(metadata.open_store(home), "penguin")
    assert sorted(run.name for run in runs) == sorted(
        f"{name}-{number}" for name in "ab" for number in range(30)
    )
    assert {run.custom_properties["mlpipe_state"].string_value for run in runs} == {"succeeded"}


@pytest.mark.parametrize("name", ["a b", "50%", "what?x=1", "a#b"])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / name)
    metadata.register_run(metadata.open_store(home, create=True), "penguin", "r1", {})
    assert home.metadata.is_file()
    assert metadata.pipelines(metadata.open_store(home)) == ["penguin"]


def test_a_run_id_is_taken_once_over_all_pipelines(home: Home) -> None:
    store = metadata.open_store(home, create=True)
    metadata.register_run(store, "penguin", "r1", {})
    with pytest.raises(UserError, match="run r1 exists already"):
        metadata.register_run(store, "taxi", "r1", {})
    assert metadata.run_contexts(store, "taxi") == []


def test_updating_a_run_keeps_its_other_properties(home: Home) -> None:
    store = metadata.open_store(home, create=True)
    metadata.register_run(store, "penguin", "r1", {"mlpipe_state": "running", "mlpipe_config": "{}"})
    metadata.update_run(store, "r1", {"mlpipe_state": "failed"})
    [run] = metadata.run_contexts(store, "penguin")
    assert metadata.properties(run) == {"mlpipe_state": "failed", "mlpipe_config": "{}"}
    with pytest.raises(UserError, match="no run r2"):
        metadata.update_run(store, "r2", {})


def test_properties_are_plain_values() -> None:
    artifact = mlmd.Artifact()
    artifact.properties["span"].int_value = 3
    artifact.custom_properties["rate"].double_value = 0.5
    artifact.custom_properties["splits"].struct_value.update({"__value__": ["train", "eval"]})
    artifact.custom_properties["blessed"].struct_value.update({"train": 1})
    assert metadata.properties(artifact) == {
        "blessed": {"train": 1},
        "rate": 0.5,
        "span": 3,
        "splits": ["train", "eval"],
    }


def test_an_artifact_under_two_keys_has_both() -> None:
    event = mlmd.Event()
    for key in ("model", "baseline_model"):
        event.path.steps.add(key=key)
        event.path.steps.add(index=0)
    assert metadata.keys(event) == ["model", "baseline_model"]
