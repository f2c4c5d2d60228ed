"""ML Metadata on a real MariaDB: runs are kept there, and who is not let in is told why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import metadata, metadata_address, runs
from pipeline.home import Home
from tests.mariadb import PASSWORD, MariaDB, mariadb
from tests.pipeline import metadata_servers
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
    said = metadata_servers.refusal(home, monkeypatch, server.uri.replace(*change), password)
    assert line in said
    assert len(said.splitlines()) == 1
    assert PASSWORD not in said


def test_a_restart_is_waited_for(home: Home, server: MariaDB) -> None:
    assert metadata_servers.state_after_restart(home, server) == "succeeded"


def test_a_server_that_stays_away_is_told(
    home: Home, server: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata_servers.check_absence(home, server, monkeypatch)
