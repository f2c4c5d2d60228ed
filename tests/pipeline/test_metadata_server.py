"""ML Metadata on a real PostgreSQL: who is let in, what is told, and what happens when it goes away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput, UserError
from pipeline import metadata, metadata_address, reconcile, runs
from pipeline.home import Home
from tests.pipeline import metadata_servers
from tests.pipeline.records import Recorder
from tests.postgresql import PASSWORD, PostgreSQL, postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


@pytest.fixture
def home(server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(metadata_address.URI, server.uri)
    monkeypatch.setenv(metadata_address.PASSWORD, PASSWORD)
    return Home(tmp_path)


def test_runs_are_written_and_read(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(home, "written", files=False)
    recorder.run("written-1")
    recorder.run("written-2", rows=345)
    store = metadata.open_store(home)
    assert [run.state for run in runs.list_runs(store, "written")] == ["succeeded", "succeeded"]
    assert runs.get_run(store, "written", "last").node("Trainer").state == "complete"
    assert not home.metadata.exists()
    # MLMD talks of every connection.
    out, err = capfd.readouterr()
    assert "postgresql_metadata_source" not in out + err


def test_lists_are_in_the_order_that_was_asked_for(home: Home) -> None:
    store = metadata.open_store(home)
    kinds = [store.put_artifact_type(mlmd.ArtifactType(name=f"ordered-{n}")) for n in range(4)]
    ids = store.put_artifacts([mlmd.Artifact(type_id=kind, uri=str(kind)) for kind in kinds])
    (first,) = store.get_artifacts_by_id(ids[:1])
    # PostgreSQL moves a row that is changed to the end of its table.
    first.custom_properties["changed"].int_value = 1
    store.put_artifacts([first])
    for wanted in (ids, ids[::-1], [*ids, ids[0]]):
        assert [one.id for one in store.get_artifacts_by_id(wanted)] == list(wanted)
    wanted = [kinds[2], kinds[0], kinds[2]]
    assert [one.id for one in store.get_artifact_types_by_id(iter(wanted))] == wanted


def test_backslashes_are_kept(home: Home) -> None:
    store = metadata.open_store(home)
    text = json.dumps({"config": json.dumps({"path": "C:\\data", "quote": "it's"})})
    metadata.register_run(store, "quoted", "quoted-1", {"mlpipe_config": text, "mlpipe_reason": "\\"})
    context = metadata.run_context(store, "quoted-1")
    assert context is not None
    assert context.custom_properties["mlpipe_config"].string_value == text
    assert context.custom_properties["mlpipe_reason"].string_value == "\\"
    kind = store.put_artifact_type(mlmd.ArtifactType(name="quoted"))
    artifact = mlmd.Artifact(type_id=kind, uri="a\\b")
    artifact.custom_properties["listed"].struct_value.update({"a\n": ["\\", {"b": "\\d"}]})
    store.put_artifacts([artifact])
    (found,) = store.get_artifacts_by_uri("a\\b")
    assert found.custom_properties["listed"].struct_value["a\n"][0] == "\\"
    assert found.custom_properties["listed"].struct_value["a\n"][1]["b"] == "\\d"
    # What was asked with is as it was.
    assert artifact.uri == "a\\b"


def test_ml_metadata_still_cannot_do_it_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backslashes.hide", lambda message: message)
    store = metadata.open_store(home)
    with pytest.raises(UserError, match="syntax error"):
        metadata.register_run(store, "quoted", "quoted-2", {"mlpipe_config": "\\"})


@pytest.mark.parametrize(
    ("change", "password", "line"),
    [
        (
            ("", ""),
            None,
            "the server refuses user 'mlpipe' (fe_sendauth: no password supplied); check the user",
        ),
        (("", ""), "wrong", "the server refuses user 'mlpipe' (password authentication failed for user"),
        (
            ("/meta", "/none"),
            PASSWORD,
            "there is no database 'none'; make it once, for example with createdb -h",
        ),
        (("/meta", "/meta?sslmode=require"), PASSWORD, "was built without TLS for PostgreSQL"),
        (("127.0.0.1", "nohost.invalid"), PASSWORD, "does not answer (Name or service not known)"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    home: Home,
    server: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    password: str | None,
    line: str,
) -> None:
    said = metadata_servers.refusal(home, monkeypatch, server.uri.replace(*change), password)
    assert line in said
    assert len(said.splitlines()) == 1
    assert PASSWORD not in said


def test_the_password_can_stand_in_a_file(
    home: Home, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(metadata_address.PASSWORD)
    file = home.root / "password"
    monkeypatch.setenv(metadata_address.PASSWORD_FILE, str(file))
    with pytest.raises(BadInput, match=r"metadata.password_file: .*password: No such file"):
        metadata.open_store(home)
    file.write_text(f"{PASSWORD}\n")
    assert metadata.open_store(home).get_contexts_by_type("none") == []


def test_a_configuration_sets_the_store_of_its_home(
    home: Home, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    Recorder(home, "kept", files=False).run("kept-1")
    monkeypatch.delenv(metadata_address.URI)
    metadata_address.keep(home, server.uri, None)
    assert PASSWORD not in home.metadata_setting.read_text()
    assert "kept" in metadata.pipelines(metadata.open_store(home))
    metadata_address.keep(home, server.uri, None)
    metadata_address.keep(home, None, None)
    with pytest.raises(BadInput, match="this home keeps its records in postgresql:"):
        metadata_address.keep(home, server.uri.replace("meta", "meta_2"), None)


def test_runs_of_another_home_are_left_alone(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    recorder = Recorder(home, "shared", files=False)
    recorder.run("shared-1", stop="Trainer", state="running", last="RUNNING")
    metadata.update_run(recorder.store, "shared-1", {"mlpipe_home": other.identity()})
    assert reconcile.reconcile(recorder.store, home, "shared") == []
    with pytest.raises(UserError, match="run shared-1 of another home goes on in postgresql://"):
        reconcile.check_alone(recorder.store, home, "shared", "shared-2")
    assert reconcile.reconcile(recorder.store, other, "shared") == ["shared-1"]
    reconcile.check_alone(recorder.store, home, "shared", "shared-2")


def test_a_restart_is_waited_for(home: Home, server: PostgreSQL) -> None:
    assert metadata_servers.state_after_restart(home, server) == "succeeded"


def test_a_server_that_stays_away_is_told(
    home: Home, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata_servers.check_absence(home, server, monkeypatch)
