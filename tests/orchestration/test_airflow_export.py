"""The DAG file that is written for Airflow; what Airflow makes of it, test_airflow.py asks."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput, UserError
from pipeline import cli, config
from pipeline.home import Home
from pipeline.orchestration import airflow, output
from tests.orchestration.dag_file import loaded, render, upstream

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = """it's "so" \\ {x} @@NAME@@ %s \\n\n$(touch pwned) é"""


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
        ({"schedule": "0 26 * * 1"}, r"'0 26 \* \* 1' has the hour 26; it is from 0 to 23"),
        ({"timezone": "Berlin"}, "'Berlin' is no time zone; write it like Europe/Berlin"),
        ({"retries": -1}, "greater than or equal to 0"),
        ({"timeouts": {"Trainer": 0}}, "greater than 0"),
    ],
)
def test_settings_that_cannot_be(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(**section)


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
        output.write(path, render(), airflow.MARK, force=False, in_folder=True)
    assert path.read_text() == "mine"
    output.write(path, render(), airflow.MARK, force=True, in_folder=True)
    output.write(path, render(loaded(retries=7)), airflow.MARK, force=False, in_folder=True)
    assert '"retries": 7' in path.read_text()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file; name a folder"):
        output.write(tmp_path / "file/mlpipe_penguin.py", "", airflow.MARK, force=False, in_folder=True)
    with pytest.raises(UserError, match=r"--out /proc/no: cannot be written: .*; name another folder"):
        output.write(Path("/proc/no/mlpipe_penguin.py"), "", airflow.MARK, force=False, in_folder=True)
