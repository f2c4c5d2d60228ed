"""Whole runs with ML Metadata on PostgreSQL: two pipelines at once, and a server that goes away in the middle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import metadata, metadata_address, runs
from tests.end_to_end.project import COMPONENTS, Project, mlpipe
from tests.postgresql import PASSWORD, PostgreSQL, postgresql

pytestmark = pytest.mark.slow
# A trainer module whose first Transform finds the server gone when it is done.
STOPS_THE_SERVER_ONCE = """
import os
import signal
from pathlib import Path

from trainer_modules import tabular
from trainer_modules.tabular import run_fn


def preprocessing_fn(inputs, custom_config):
    flag = Path({flag!r})
    if not flag.exists():
        flag.touch()
        os.kill({pid}, signal.SIGINT)
    return tabular.preprocessing_fn(inputs, custom_config)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as running:
        yield running


@pytest.fixture
def project(fresh: Project, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose catalog file names the server; the password is in a file."""
    (fresh.folder / "password").write_text(PASSWORD + "\n")
    fresh.change("task:", f"metadata: {{uri: '{server.uri}', password_file: password}}\ntask:")
    for name in (metadata_address.URI, metadata_address.PASSWORD):
        monkeypatch.delenv(name, raising=False)
    return fresh


def ask(project: Project, *arguments: str) -> str:
    result = mlpipe(*arguments, "--home", str(project.home.root))
    assert result.code == 0, result.err
    return result.out


def files_with(text: str, folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_two_pipelines_at_once_and_all_questions(project: Project, server: PostgreSQL) -> None:
    text = (project.folder / "toy.yaml").read_text().replace("name: toy", "name: toy_2")
    (project.folder / "toy_2.yaml").write_text(text)
    both = [project.start(), project.start_command("run", "toy_2.yaml")]
    ended = [child.communicate() for child in both]
    assert [(child.returncode, err) for child, (_, err) in zip(both, ended, strict=True)] == [(0, "")] * 2
    assert not project.home.metadata.exists()
    assert project.executed() == list(COMPONENTS)

    # The readers find the store by the home alone.
    for name in ("toy", "toy_2"):
        assert "succeeded" in ask(project, "runs", name)
        shown = ask(project, "status", name)
        assert shown.count("complete") == len(COMPONENTS) + 1
        assert "served: version 1" in shown
        answer = json.loads(ask(project, "lineage", name, "--json"))
        assert answer["pipeline"] == name
    assert ask(project, "run", "toy.yaml").startswith("toy is up to date")

    project.change("trainer:", "push: {keep: 5}\ntrainer:")
    assert project.run().code == 0
    assert project.executed() == ["Pusher"]
    assert "push.keep" in ask(project, "compare", "last~1", "last", "--pipeline", "toy")
    assert files_with(PASSWORD, project.folder) == ["password"]
    dumped = server.call("pg_dump", "meta").stdout
    assert "mlpipe_config" in dumped
    assert PASSWORD not in dumped


def test_a_server_that_goes_away_in_the_middle(
    project: Project, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "RESTART_SECONDS", 1)
    monkeypatch.setattr("pipeline.node.RESTART_SECONDS", 1)
    stops = STOPS_THE_SERVER_ONCE.format(flag=str(project.folder / "stopped"), pid=server.pid)
    (project.folder / "stops_once.py").write_text(stops)
    (project.folder / "stops_once_config.py").write_text(
        "from trainer_modules.tabular_config import Config as Config\n"
    )
    project.change("trainer_modules.tabular", "stops_once")
    # The other test has used this store for a pipeline of the same name.
    os.rename(project.folder / "toy.yaml", project.folder / "gone.yaml")
    text = (project.folder / "gone.yaml").read_text().replace("name: toy", "name: gone")
    (project.folder / "gone.yaml").write_text(text)
    home = str(project.home.root)

    stopped = mlpipe("run", "gone.yaml", "--home", home)
    assert server.process is not None
    server.process.wait()
    assert stopped.code == 1
    assert stopped.err.startswith(
        f"mlpipe: the metadata store {server.uri} does not answer (Connection refused)"
    )
    assert len(stopped.err.splitlines()) == 1
    asked = mlpipe("status", "gone", "--home", home)
    assert (asked.code, asked.out) == (1, "")
    assert "does not answer" in asked.err

    server.start()
    assert "interrupted" in ask(project, "runs", "gone")
    again = mlpipe("run", "gone.yaml", "--home", home)
    assert again.code == 0, again.err
    first, second = runs.list_runs(metadata.open_store(project.home), "gone")
    assert (first.state, first.reason) == ("interrupted", "the process ended during Transform")
    assert second.state == "succeeded"
    before = ("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator")
    assert [second.node(name).state for name in before] == ["cached"] * 4
    assert second.node("Transform").state == "complete"
