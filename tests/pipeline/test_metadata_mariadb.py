"""ML Metadata on a real MariaDB: runs are kept there, and who is not let in is told why."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import UserError
from pipeline import metadata, metadata_address, metadata_server, runs
from pipeline.home import Home
from tests.mariadb import PASSWORD, MariaDB, mariadb
from tests.pipeline.records import Recorder


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    with mariadb() as running:
        yield running


@pytest.fixture
def home(server: MariaDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(metadata_address.URI, server.uri)
    monkeypatch.setenv(metadata_address.PASSWORD, PASSWORD)
    return Home(tmp_path)


def test_runs_are_written_and_read(home: Home, server: MariaDB) -> None:
    recorder = Recorder(home, "written", files=False)
    recorder.run("written-1")
    recorder.run("written-2", rows=345)
    store = metadata.open_store(home)
    assert [run.state for run in runs.list_runs(store, "written")] == ["succeeded", "succeeded"]
    assert runs.get_run(store, "written", "last").node("Trainer").state == "complete"
    assert not home.metadata.exists()
    counted = server.sql("SELECT COUNT(*) FROM meta.Context WHERE name LIKE 'written-%'")
    assert counted.stdout.split()[-1] == "2"


def test_texts_are_kept_as_they_are(home: Home) -> None:
    store = metadata.open_store(home)
    text = json.dumps({"path": "C:\\data", "quote": "it's", "name": "Zoë 🐧"})
    metadata.register_run(store, "quoted", "quoted-1", {"mlpipe_config": text, "mlpipe_reason": "\\"})
    context = metadata.run_context(store, "quoted-1")
    assert context is not None
    assert context.custom_properties["mlpipe_config"].string_value == text
    assert context.custom_properties["mlpipe_reason"].string_value == "\\"


def test_the_store_has_one_name(home: Home, tmp_path: Path) -> None:
    name = metadata.identity(metadata.open_store(home))
    assert metadata.identity(metadata.open_store(Home(tmp_path / "other"))) == name


@pytest.mark.parametrize(
    ("change", "password", "line"),
    [
        (("", ""), None, "the server refuses user 'mlpipe'; check the user"),
        (("", ""), "wrong", "the server refuses user 'mlpipe'; check the user"),
        (("/meta", "/none"), PASSWORD, "there is no database 'none' that user 'mlpipe' may use"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    home: Home,
    server: MariaDB,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    password: str | None,
    line: str,
) -> None:
    monkeypatch.setenv(metadata_address.URI, server.uri.replace(*change))
    monkeypatch.delenv(metadata_address.PASSWORD)
    if password:
        monkeypatch.setenv(metadata_address.PASSWORD, password)
    with pytest.raises(UserError) as caught:
        metadata.open_store(home)
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert PASSWORD not in str(caught.value)


def test_a_restart_is_waited_for(home: Home, server: MariaDB) -> None:
    store = metadata.open_store(home)
    metadata.register_run(store, "restarted", "restarted-1", {"mlpipe_state": "running"})
    server.stop()
    again = threading.Timer(2, server.start)
    again.start()
    began = time.monotonic()
    metadata.update_run(store, "restarted-1", {"mlpipe_state": "succeeded"})
    assert time.monotonic() - began > 1
    again.join()
    assert runs.get_run(metadata.open_store(home), "restarted", "last").state == "succeeded"


def test_a_server_that_stays_away_is_told(
    home: Home, server: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "RESTART_SECONDS", 1)
    store = metadata.open_store(home)
    server.stop()
    try:
        line = rf"the metadata store {server.uri} does not answer \(Connection refused\): start the server"
        with pytest.raises(metadata_server.Unreachable, match=line):
            metadata.pipelines(store)
    finally:
        server.start()
    assert metadata.pipelines(store) == metadata.pipelines(metadata.open_store(home))
