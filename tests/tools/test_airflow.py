"""Airflow's environment: made once, out of its lock, with a stand-in for uv out of a real wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from common.errors import BadInput
from tests.tools.checkout import calls, make
from tools import airflow

UV = f"""#!/bin/sh
echo "$*" >> calls
case "$*" in
"-q venv"*) mkdir -p .venv-airflow/bin && ln -s "{sys.executable}" .venv-airflow/bin/python ;;
*) exit $(cat exit-code) ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return make(tmp_path, monkeypatch, UV, ["requirements/airflow.lock", "tools/airflow.py"])


def test_the_environment_is_made_from_the_lock_and_once(checkout: Path) -> None:
    venv = airflow.ensure(checkout)
    assert venv == checkout / ".venv-airflow"
    made, installed = calls(checkout)
    assert made == f"-q venv --clear --python {sys.executable} {venv}"
    lock = f"{checkout}/requirements/airflow.lock"
    assert installed == (
        f"pip install --no-index --python {venv}/bin/python --no-deps --require-hashes "
        f"--build-constraints {lock} -r {lock}"
    )
    airflow.ensure(checkout)
    assert len(calls(checkout)) == 2
    (checkout / "requirements/airflow.lock").write_text("# newer\n")
    airflow.ensure(checkout)
    assert len(calls(checkout)) == 4


def test_a_failed_install_is_one_line_and_tried_again(checkout: Path) -> None:
    (checkout / "exit-code").write_text("1")
    with pytest.raises(
        BadInput, match=r"^no Airflow environment: installing .*airflow.lock failed, .*`make airflow` tries"
    ):
        airflow.ensure(checkout)
    (checkout / "exit-code").write_text("0")
    airflow.ensure(checkout)
    assert len(calls(checkout)) == 4


def test_airflow_without_an_index_is_one_line(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setattr(airflow, "ROOT", checkout)
    monkeypatch.setattr(sys, "argv", ["tools.airflow", "start"])
    assert airflow.main() == 2
    assert capsys.readouterr().err == "setup: there is no .venv, which the tasks run in: make setup\n"
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/mlpipe").touch()
    assert airflow.main() == 2
    assert capsys.readouterr().err == (
        "setup: no Airflow environment: no uv 1.2.3 wheel for Linux on x86_64 in no index and no find-links folder\n"
    )


def test_only_this_machine_reaches_it(tmp_path: Path) -> None:
    settings = airflow.settings(tmp_path, 1234)
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert "127.0.0.1:1234" in settings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
