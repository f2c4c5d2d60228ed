"""The app over records that are kept on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline import metadata_address
from pipeline.home import Home
from reports.ui.app import application
from tests.pipeline.records import Recorder
from tests.postgresql import PASSWORD, postgresql
from tests.reports.ui import html

RUNS = "/pipelines/penguin"


def client_of(home: Home) -> TestClient:
    return TestClient(application(home), base_url="http://127.0.0.1", raise_server_exceptions=False)


def test_pages_new_runs_and_a_server_that_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgresql() as server:
        monkeypatch.setenv(metadata_address.URI, server.uri)
        monkeypatch.setenv(metadata_address.PASSWORD, PASSWORD)
        home = Home(tmp_path)
        recorder = Recorder(home)
        recorder.run("first")
        client = client_of(home)
        assert [row[2] for row in html.rows(client.get(RUNS).text)] == ["first"]
        recorder.run("second", trainer={"learning_rate": 0.1})
        # Whoever had a connection has lost it.
        server.stop()
        server.start()
        assert [row[2] for row in html.rows(client.get(RUNS).text)] == ["second", "first"]
        for page in (
            f"{RUNS}/runs/second",
            f"{RUNS}/compare",
            f"{RUNS}/models",
            f"{RUNS}/metrics",
            "/artifacts/7",
        ):
            assert client.get(page).status_code == 200
        assert "/artifacts/7" in html.links(client.get(f"{RUNS}/runs/first").text)


def test_a_server_that_does_not_answer_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata_address.URI, "postgresql://mlpipe@127.0.0.1:9/meta")
    answer = client_of(Home(tmp_path)).get("/")
    assert answer.status_code == 503
    assert "the metadata store postgresql://mlpipe@127.0.0.1:9/meta does not answer" in html.text(answer.text)
