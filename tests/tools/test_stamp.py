from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import stamp

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "tools").mkdir()
    for name in ("requirements/dev.lock", "requirements/bootstrap.lock", "setup.py", "tools/bootstrap.py"):
        (root / name).write_text(f"{name}\n")
    return root


def finished(root: Path) -> Path:
    venv = root / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").touch()
    stamp.write(venv, stamp.wanted(root))
    return venv


def test_a_finished_set_up_is_current(checkout: Path) -> None:
    venv = finished(checkout)
    assert stamp.is_current(venv, stamp.wanted(checkout))
    assert sorted(path.name for path in venv.iterdir()) == ["bin", stamp.NAME]


@pytest.mark.parametrize(
    "name",
    [
        "requirements/dev.lock",
        "requirements/bootstrap.lock",
        "setup.py",
        "tools/bootstrap.py",
        "tools/new.py",
    ],
)
def test_a_changed_file_makes_it_stale(checkout: Path, name: str) -> None:
    venv = finished(checkout)
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert not stamp.is_current(venv, stamp.wanted(checkout))


def test_a_moved_checkout_is_stale(checkout: Path) -> None:
    finished(checkout)
    moved = checkout.with_name("moved")
    shutil.move(checkout, moved)
    assert not stamp.is_current(moved / ".venv", stamp.wanted(moved))


@pytest.mark.parametrize("fact", ["executable", "version"])
def test_another_interpreter_makes_it_stale(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    venv = finished(checkout)
    monkeypatch.setattr(stamp.sys, fact, "another")
    assert not stamp.is_current(venv, stamp.wanted(checkout))


def test_another_glibc_makes_it_stale(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = finished(checkout)
    monkeypatch.setattr(stamp, "host_glibc", lambda: (2, 99))
    assert not stamp.is_current(venv, stamp.wanted(checkout))


def test_no_stamp_or_no_interpreter_is_not_current(checkout: Path) -> None:
    digest = stamp.wanted(checkout)
    assert not stamp.is_current(checkout / ".venv", digest)
    venv = finished(checkout)
    (venv / "bin/python").unlink()
    assert not stamp.is_current(venv, digest)
