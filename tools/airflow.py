"""Airflow on this machine, in an environment of its own beside TFX's: `make airflow`.

`python -m tools.airflow environment` makes .venv-airflow and prints its place; `start` runs Airflow with the DAG of a
pipeline, until Ctrl-C. Its state is kept in .airflow.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from common.errors import BadInput
from tools import stamp
from tools.bootstrap import ROOT, hashed, locked, say, uv_runner
from tools.package_index import configured_index

ENVIRONMENT = ".venv-airflow"
PORT = 8080
POOL = ("mlpipe_heavy", "1", "heavy nodes of mlpipe")


def wanted(root: Path) -> str:
    """Digest of all that a finished environment depends on."""
    digest = hashlib.sha256()
    for name in ("requirements/airflow.lock", "requirements/bootstrap.lock", "tools/airflow.py"):
        digest.update((root / name).read_bytes())
    for fact in (os.path.realpath(root), os.path.realpath(sys.executable), sys.version, platform.machine()):
        digest.update(f"{fact}\n".encode())
    return digest.hexdigest()


def ensure(root: Path) -> Path:
    """Make the environment, if it is not as the checkout asks for; gives its folder.

    Raises BadInput where it cannot be had: one line that says why.
    """
    try:
        return _ensure(root)
    except BadInput as error:
        raise BadInput(f"no Airflow environment: {error}") from error


def _ensure(root: Path) -> Path:
    venv, lock = root / ENVIRONMENT, root / "requirements/airflow.lock"
    digest = wanted(root)
    if stamp.is_current(venv, digest):
        return venv
    with locked(root / ".cache/airflow.lock") as descriptor:
        if stamp.is_current(venv, digest):
            return venv
        index = configured_index(os.environ)
        run_uv = uv_runner(root, index, descriptor, "airflow")
        shutil.rmtree(venv, ignore_errors=True)
        say(f"making {ENVIRONMENT} with Python {platform.python_version()}, from requirements/airflow.lock")
        run_uv(f"making {ENVIRONMENT}", "-q", "venv", "--clear", "--python", sys.executable, str(venv))
        install = ["pip", "install", *index.uv_options(), "--python", str(venv / "bin/python")]
        run_uv("installing requirements/airflow.lock", *install, *hashed(lock))
        stamp.write(venv, digest)
    return venv


def settings(home: Path, port: int) -> dict[str, str]:
    """Environment variables of an Airflow that only this machine reaches, with its state and DAGs below `home`.

    Who reaches it is its administrator: it asks for no password.
    """
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A node takes a core or two, and each of these is a process.
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def start(root: Path, pipeline: str, port: int) -> None:
    """Export the pipeline's DAG and become Airflow; its page is on `port` of this machine.

    Raises BadInput: no environment, or the pipeline cannot be exported (its line is printed).
    """
    mlpipe = root / ".venv/bin/mlpipe"
    if not mlpipe.exists():
        raise BadInput("there is no .venv, which the tasks run in: make setup")
    airflow = ensure(root) / "bin/airflow"
    home = root / ".airflow"
    export = [str(mlpipe), "export", "airflow", pipeline, "--out", str(home / "dags")]
    if subprocess.run(export, cwd=root).returncode:
        raise BadInput(f"{pipeline} could not be exported, mlpipe says why above")
    env = {
        **os.environ,
        **settings(home, port),
        # `standalone` starts its parts by the name `airflow`.
        "PATH": f"{airflow.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    for command in (["db", "migrate"], ["pools", "set", *POOL]):
        if subprocess.run([str(airflow), *command], env=env, stdout=subprocess.DEVNULL).returncode:
            raise BadInput(f"airflow {command[0]} {command[1]} failed, see above; rm -r .airflow begins anew")
    say(
        f"Airflow comes up at http://127.0.0.1:{port} (in a minute); there: {pipeline}, Trigger; Ctrl-C ends it"
    )
    os.execve(airflow, [str(airflow), "standalone"], env)


def main() -> int:
    """Exit code: 0, or another after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="tools.airflow", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("environment")
    starting = commands.add_parser("start")
    starting.add_argument("pipeline", nargs="?", default="penguin")
    starting.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args()
    try:
        if given.command == "environment":
            print(ensure(ROOT))
        else:
            start(ROOT, given.pipeline, given.port)
    except BadInput as error:
        say(str(error))
        return error.exit_code
    except OSError as error:
        say(f"no Airflow environment: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
