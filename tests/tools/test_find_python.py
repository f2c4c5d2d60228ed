from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools/find_python.sh"
BASE = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def find(checkout: Path, *folders: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.pathsep.join(map(str, folders)), "PYTHON": python}
    return subprocess.run(["/bin/sh", str(SCRIPT)], cwd=checkout, env=env, capture_output=True, text=True)


def test_prefers_311_wherever_it_stands(tmp_path: Path) -> None:
    program(tmp_path / "first/python3.13", "echo the-313")
    program(tmp_path / "first/python3", "echo the-3")
    program(tmp_path / "second/python3.11", "echo the-311")
    found = find(tmp_path, tmp_path / "first", tmp_path / "second")
    assert (found.returncode, found.stdout) == (0, "the-311\n")


def test_a_shim_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "shims/python3.11", "echo 'command not found' >&2; exit 127")
    program(tmp_path / "shims/python3.12", "exit 127")
    program(tmp_path / "usr/python3.12", "echo the-312")
    found = find(tmp_path, tmp_path / "shims", tmp_path / "usr")
    assert (found.returncode, found.stdout, found.stderr) == (0, "the-312\n", "")


@pytest.mark.skipif(not BASE.exists(), reason="this interpreter's base installation names it otherwise")
def test_an_active_environment_leads_to_the_interpreter_below_it(tmp_path: Path) -> None:
    program(tmp_path / "active/python3.11", f'exec "{sys.executable}" "$@"')
    found = find(tmp_path, tmp_path / "active")
    assert found.stdout == f"{BASE}\n"


def test_an_existing_environment_keeps_its_interpreter(tmp_path: Path) -> None:
    program(tmp_path / ".venv/bin/python", "echo the-one-of-the-venv")
    program(tmp_path / "bin/python3.11", "echo the-311")
    assert find(tmp_path, tmp_path / "bin").stdout == "the-one-of-the-venv\n"
    program(tmp_path / ".venv/bin/python", "exit 1")
    assert find(tmp_path, tmp_path / "bin").stdout == "the-311\n"


def test_python_given_by_name_wins(tmp_path: Path) -> None:
    program(tmp_path / ".venv/bin/python", "echo the-one-of-the-venv")
    program(tmp_path / "bin/python3.13", "echo the-313")
    found = find(tmp_path, tmp_path / "bin", python="python3.13")
    assert (found.returncode, found.stdout) == (0, "the-313\n")


def test_python_that_does_not_work_is_named(tmp_path: Path) -> None:
    program(tmp_path / "bin/python3.11", "echo the-311")
    found = find(tmp_path, tmp_path / "bin", python="/no/such/python")
    assert found.returncode == 2
    assert found.stderr.splitlines() == [
        "setup: PYTHON=/no/such/python is not a working CPython 3.10 to 3.13 with ssl, sqlite3 and ctypes"
    ]


def test_no_python_is_one_line(tmp_path: Path) -> None:
    program(tmp_path / "bin/python3", "exit 1")
    found = find(tmp_path, tmp_path / "bin")
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("setup: no Python 3.10 to 3.13 on PATH: install one")
    assert len(found.stderr.splitlines()) == 1
