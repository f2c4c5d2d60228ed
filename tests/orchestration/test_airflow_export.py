"""The DAG file that is written for Airflow; what Airflow makes of it, test_airflow.py asks."""

from __future__ import annotations

import ast
import datetime
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from common.errors import BadInput, UserError
from pipeline import cli, config, node_list
from pipeline.home import Home
from pipeline.orchestration import airflow
from pipeline.orchestration.airflow_settings import Airflow
from pipeline.sections import Config

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = """it's "so" \\ {x} @@NAME@@ %s \\n\n$(touch pwned) é"""
TARGET = airflow.Target(Path("/work folder/it's"), Home(Path('/a "home"')), ["/opt/env/bin/mlpipe"])


def loaded(*overrides: str, **section: Any) -> Config:
    given = config.load("penguin", overrides)
    return given.model_copy(update={"airflow": Airflow.model_validate(section)})


def upstream(given: Config) -> dict[str, tuple[str, ...]]:
    return {node.id: node.upstream for node in node_list.node_list(given)}


def render(given: Config | None = None, pipeline: str = "penguin", target: airflow.Target = TARGET) -> str:
    given = given or loaded()
    return airflow.render(pipeline, given, upstream(given), target)


def constants(text: str) -> dict[str, Any]:
    """The literals that stand at the top of the file."""
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = ast.literal_eval(statement.value)
            except ValueError:
                continue
    return found


def tasks_and_edges(text: str) -> tuple[dict[str, ast.Call], set[tuple[str, str]]]:
    """Node -> the call that makes its task; (node before, node after)."""
    (function,) = [
        part for part in ast.parse(text).body if isinstance(part, ast.FunctionDef) and part.name == "pipeline"
    ]
    names, tasks, edges = {}, {}, set()
    for statement in function.body[1:]:
        if isinstance(statement, ast.Assign):
            assert isinstance(statement.targets[0], ast.Name)
            assert isinstance(statement.value, ast.Call)
            node = ast.literal_eval(statement.value.args[0])
            names[statement.targets[0].id] = node
            assert isinstance(statement.value.func, ast.Call)
            tasks[node] = statement.value.func
        else:
            assert isinstance(statement, ast.Expr)
            assert isinstance(statement.value, ast.BinOp)
            left, right = statement.value.left, statement.value.right
            before = left.elts if isinstance(left, ast.List) else [left]
            edges |= {(names[one.id], names[right.id]) for one in before}  # type: ignore[attr-defined]
    return tasks, edges


@pytest.mark.parametrize("name", config.names())
def test_tasks_and_their_order_are_those_of_the_dag(name: str) -> None:
    given = config.load(name)
    expected = upstream(given)
    tasks, edges = tasks_and_edges(render(given, name))
    assert list(tasks) == list(expected)
    assert edges == {(before, node) for node, all_before in expected.items() for before in all_before}


def test_only_the_standard_library_and_airflow_are_imported() -> None:
    modules = set()
    for part in ast.walk(ast.parse(render())):
        if isinstance(part, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            modules.add((part.module or "").partition(".")[0])
    assert modules - sys.stdlib_module_names == {"airflow", "pendulum"}


def test_hostile_names_stay_what_they_are(tmp_path: Path) -> None:
    target = airflow.Target(Path(f"/{HOSTILE}"), Home(Path(f"/home {HOSTILE}")), [HOSTILE, "-m"], [HOSTILE])
    given = loaded(on_failure=[HOSTILE], params=["description"], pool=HOSTILE)
    given = given.model_copy(update={"description": HOSTILE})
    text = render(given, f"/{HOSTILE}.yaml", target)
    found = constants(text)
    assert found["PIPELINE"] == f"/{HOSTILE}.yaml"
    assert found["FOLDER"] == f"/{HOSTILE}"
    assert found["HOME"] == f"/home {HOSTILE}"
    assert found["COMMAND"] == [HOSTILE, "-m"]
    assert found["SET"] == found["ON_FAILURE"] == [HOSTILE]
    strings = [part.value for part in ast.walk(ast.parse(text)) if isinstance(part, ast.Constant)]
    assert strings.count(HOSTILE) >= 7
    path = tmp_path / "hostile.py"
    path.write_text(text)
    ruff("check", path)


def test_the_file_is_as_ruff_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "mlpipe_penguin.py"
    given = loaded(params=["trainer.training.epochs"], timeouts={"Trainer": 30.5})
    path.write_text(render(given, target=airflow.Target(Path("/a"), Home(Path("/b")), ["mlpipe"])))
    ruff("check", path)
    ruff("format", "--check", path)


def ruff(*arguments: str | Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ruff",
        arguments[0],
        "--config",
        ROOT / "pyproject.toml",
        *arguments[1:],
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def options(call: ast.Call) -> dict[str, str]:
    return {keyword.arg or "": ast.unparse(keyword.value) for keyword in call.keywords}


def test_heavy_nodes_share_a_pool_and_have_time_limits_of_their_own() -> None:
    tasks, _ = tasks_and_edges(render(loaded(timeouts={"Trainer": 720})))
    assert options(tasks["Trainer"]) == {
        "task_id": "'Trainer'",
        "pool": "'mlpipe_heavy'",
        "execution_timeout": "datetime.timedelta(minutes=720)",
    }
    pooled = [node for node, call in tasks.items() if "pool" in options(call)]
    assert pooled == ["Transform", "Trainer", "Evaluator"]
    tasks, _ = tasks_and_edges(render(loaded(pool=None)))
    assert all("pool" not in options(call) for call in tasks.values())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"timeouts": {"Trainr": 5}}, "airflow.timeouts: the DAG has no node 'Trainr'; did you mean Trainer"),
        ({"heavy": ["Transfrom"]}, "airflow.heavy: the DAG has no node 'Transfrom'; did you mean Transform"),
        ({"params": ["trainer.training.epoch"]}, r"airflow.params: no key .*; did you mean epochs\?"),
    ],
)
def test_names_that_are_not_there(section: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        render(loaded(**section))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"schedule": "daily"}, "'daily' is no cron expression of five fields and none of @once"),
        ({"timezone": "Berlin"}, "'Berlin' is no time zone; write it like Europe/Berlin"),
        ({"retries": -1}, "greater than or equal to 0"),
        ({"timeouts": {"Trainer": 0}}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(**section)


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


def test_the_command_writes_the_file_and_tells_what_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["export", "airflow", "penguin", "--set", "airflow.schedule=@daily", "--home", "state"]
    monkeypatch.setattr(sys, "argv", ["mlpipe", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("wrote dags/mlpipe_penguin.py: the DAG penguin\n")
    assert "airflow pools set mlpipe_heavy 1" in out
    text = (tmp_path / "dags/mlpipe_penguin.py").read_text()
    found = constants(text)
    assert found["HOME"] == str(tmp_path / "state")
    assert found["FOLDER"] == str(tmp_path)
    assert found["SET"] == ["airflow.schedule=@daily"]
    assert 'schedule="@daily"' in text
    assert os.listdir(tmp_path / "dags") == ["mlpipe_penguin.py"]


def test_a_pipeline_file_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "pipeline/catalog/penguin.yaml").read_text()
    (tmp_path / "penguin.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    path = airflow.export("penguin.yaml", [], Home(tmp_path), tmp_path / "dags")
    assert constants(path.read_text())["PIPELINE"] == str(tmp_path / "penguin.yaml")


def test_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlpipe_penguin.py"
    path.write_text("mine")
    with pytest.raises(BadInput, match="was not written by this command; name another folder with --out"):
        airflow.write(path, render(), force=False)
    assert path.read_text() == "mine"
    airflow.write(path, render(), force=True)
    airflow.write(path, render(loaded(retries=7)), force=False)
    assert '"retries": 7' in path.read_text()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file; name a folder"):
        airflow.write(tmp_path / "file/mlpipe_penguin.py", "", force=False)
    with pytest.raises(UserError, match=r"--out /proc/no: cannot be written: .*; name another folder"):
        airflow.write(Path("/proc/no/mlpipe_penguin.py"), "", force=False)
