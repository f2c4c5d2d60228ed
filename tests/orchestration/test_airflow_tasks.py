"""What the tasks of an exported DAG file do: its own functions, with stand-ins for what they take from Airflow."""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline.home import Home
from pipeline.orchestration import airflow
from pipeline.sections import Config
from tests.orchestration.dag_file import loaded, render


class Fails(Exception):
    """In place of Airflow's exception of a task that is not tried again."""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., ModuleType]:
    """The functions of a DAG file, with a stand-in for the names that it takes from Airflow."""
    (tmp_path / "work").mkdir()

    def dag(**_: Any) -> Callable[[Any], Any]:
        return lambda _: lambda: None

    def task(**_: Any) -> Callable[[Any], Any]:
        return lambda function: function

    sdk = ModuleType("airflow.sdk")
    vars(sdk).update(Param=lambda value, **_: SimpleNamespace(value=value), dag=dag, task=task)
    vars(sdk).update(get_current_context=lambda: sdk.context)
    exceptions = ModuleType("airflow.sdk.exceptions")
    vars(exceptions).update(AirflowFailException=Fails)
    pendulum = ModuleType("pendulum")
    vars(pendulum).update(instance=Moment, datetime=lambda *_, **__: None)
    for module in (ModuleType("airflow"), sdk, exceptions, pendulum):
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def load(given: Config, command: str = "true", **context: Any) -> ModuleType:
        target = airflow.Target(tmp_path / "work", Home(tmp_path / "home"), [command])
        module = ModuleType("mlpipe_penguin")
        exec(compile(render(given, target=target), "mlpipe_penguin.py", "exec"), vars(module))
        params = {key: param.value for key, param in module.PARAMS.items()}
        run = SimpleNamespace(run_id="manual__1", run_type="manual")
        vars(sdk)["context"] = {
            "dag_run": run,
            "task_instance": SimpleNamespace(task_id="Trainer"),
            "params": {**params, "set": []},
            **context,
        }
        return module

    return load


class Moment:
    """As much of pendulum's moment as the file asks for."""

    def __init__(self, moment: datetime.datetime) -> None:
        self.moment = moment

    def in_timezone(self, name: str) -> datetime.datetime:
        from zoneinfo import ZoneInfo

        return self.moment.astimezone(ZoneInfo(name))


def script(folder: Path, text: str) -> str:
    """A command that does as it says."""
    path = folder / "a command"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_command_of_a_node_and_its_environment(
    load: Callable[..., ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/airflow")
    command = script(tmp_path, 'printf "<%s>" "$@"; echo; pwd; env')
    given = loaded(params=["trainer.training.epochs"])
    module = load(given, command, params={"trainer.training.epochs": 3, "set": ["push.keep=2", "a b='c'"]})
    module.mlpipe_node("Trainer")
    status, arguments, folder, *environment = capsys.readouterr().out.splitlines()
    home = tmp_path / "home"
    assert status == f"all of this run: mlpipe status penguin --run penguin-manual__1 --home {home}"
    assert arguments == (
        f"<node><run><penguin><Trainer><--run-id><penguin-manual__1><--home><{home}>"
        "<--set=trainer.training.epochs=3><--set=push.keep=2><--set=a b='c'>"
    )
    assert folder == str(tmp_path / "work")
    assert "MLPIPE_RUNNER=airflow" in environment
    assert not [line for line in environment if line.startswith(("AIRFLOW", "PYTHONPATH="))]


def test_a_param_that_is_left_alone_overrides_nothing(load: Callable[..., ModuleType]) -> None:
    module = load(loaded(params=["trainer.training.epochs", "schema.curated"]))
    epochs = module.PARAMS["trainer.training.epochs"].value
    given = {
        "dag_run": SimpleNamespace(run_type="manual"),
        "params": {"trainer.training.epochs": epochs, "schema.curated": None, "set": []},
    }
    assert module.overrides(given) == []


@pytest.mark.parametrize("code", [2, 3])
def test_bad_input_and_gates_are_not_tried_again(
    load: Callable[..., ModuleType], tmp_path: Path, code: int
) -> None:
    command = script(tmp_path, f'echo progress; echo "mlpipe: rows.csv:3: no number" >&2; exit {code}')
    with pytest.raises(Fails, match=r"^mlpipe: rows\.csv:3: no number$"):
        load(loaded(), command).mlpipe_node("Trainer")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo mlpipe: disk is full; exit 1", "Trainer ended with exit code 1: mlpipe: disk is full"),
        ("kill -9 $$", "Trainer ended with exit code -9: killed"),
        # What a killed command leaves behind must neither run on nor keep the task waiting.
        ("sleep 600 & kill -9 $$", "Trainer ended with exit code -9: killed"),
    ],
)
def test_errors_and_kills_are_tried_again(
    load: Callable[..., ModuleType], tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(RuntimeError, match=message):
        load(loaded(), script(tmp_path, text)).mlpipe_node("Trainer")


def test_a_worker_without_the_environment_is_told_what_to_set(
    load: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fails, match=r"/no/mlpipe: no such command on this worker; .* set MLPIPE_COMMAND to"):
        load(loaded(), "/no/mlpipe").mlpipe_node("Trainer")
    monkeypatch.setenv("MLPIPE_COMMAND", f"env PATH=/ {shlex.quote(script(tmp_path, 'exit 3'))}")
    with pytest.raises(Fails, match=r"^$"):
        load(loaded(), "/no/mlpipe").mlpipe_node("Trainer")
    (tmp_path / "work").rmdir()
    with pytest.raises(Fails, match="work: no such folder on this worker; export the pipeline from a folder"):
        load(loaded(), "/no/mlpipe").mlpipe_node("Trainer")


def test_run_ids_name_files_and_stay_apart(load: Callable[..., ModuleType]) -> None:
    safe = load(loaded()).safe_run_id
    assert safe("manual__1") == "penguin-manual__1"
    scheduled = safe("scheduled__2026-11-23T00:00:00+00:00")
    assert scheduled.startswith("penguin-scheduled__2026-11-23T00-00-00-00-00-")
    assert scheduled != safe("scheduled__2026-11-23T00:00:00-00:00")
    assert "/" not in safe("../../etc")
    assert len(safe("x" * 250)) < 200
    assert safe("x" * 250) != safe("x" * 249)


@pytest.mark.parametrize(
    ("run_type", "end", "expected"),
    [
        # Daily at midnight and at two in the morning: the day before.
        ("scheduled", "2026-03-02T00:00+00:00", ["data.span=20513"]),
        ("scheduled", "2026-03-02T02:00+00:00", ["data.span=20513"]),
        # 23:30 of the 1st in UTC is the 2nd in Berlin.
        ("backfill", "2026-03-01T23:30+00:00", ["data.span=20513"]),
        ("manual", "2026-03-02T00:00+00:00", []),
    ],
)
def test_a_scheduled_run_takes_the_last_whole_day(
    load: Callable[..., ModuleType], run_type: str, end: str, expected: list[str]
) -> None:
    module = load(loaded("data.path=days/{YYYY}-{MM}-{DD}.csv", timezone="Europe/Berlin"))
    given = {
        "dag_run": SimpleNamespace(run_type=run_type),
        "data_interval_end": datetime.datetime.fromisoformat(end),
    }
    assert module.span(given) == expected


def test_spans_may_be_counted_from_a_day_of_ones_own(load: Callable[..., ModuleType]) -> None:
    module = load(loaded("data.path=span-{SPAN}/rows.csv", first_day="2026-01-01"))
    given = {
        "dag_run": SimpleNamespace(run_type="scheduled"),
        "data_interval_end": datetime.datetime.fromisoformat("2026-01-11T00:00+00:00"),
    }
    assert module.span(given) == ["data.span=9"]
    assert load(loaded()).span(given) == []


def test_a_failure_is_told_to_the_command(load: Callable[..., ModuleType], tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = ["sh", "-c", f"cat > {shlex.quote(str(told))}"]
    module = load(loaded(on_failure=command), script(tmp_path, 'echo "$@" > ended'))
    module.tell_failure({**sys.modules["airflow.sdk"].context, "exception": Fails("gate")})
    facts = json.loads(told.read_text())
    assert {key: facts[key] for key in ("pipeline", "node", "run", "error")} == {
        "pipeline": "penguin",
        "node": "Trainer",
        "run": "penguin-manual__1",
        "error": "gate",
    }
    assert facts["status"].startswith("mlpipe status penguin --run penguin-manual__1")
    ended = (tmp_path / "work/ended").read_text()
    assert ended == f"node end penguin --run-id penguin-manual__1 --home {tmp_path / 'home'}\n"
    module = load(loaded(on_failure=command), "/no/mlpipe")
    told.unlink()
    module.tell_failure(sys.modules["airflow.sdk"].context)
    assert told.exists()
