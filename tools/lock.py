"""Resolve setup.py's ranges again and write requirements/*.lock: `make lock`, or `make lock UPGRADE=1` for the newest.

The locks hold for Python 3.10 to 3.13 (environment markers choose) and hash every file. No index is named in them.
"""

from __future__ import annotations

import os
import subprocess
import sys

from common.errors import BadInput
from tools.bootstrap import ROOT, fetch_tool, say, uv_environment
from tools.package_index import configured_index

OPTIONS = (
    "--universal",
    "--python-version=3.10",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--overrides=requirements/overrides.txt",
    "--custom-compile-command=make lock",
    "--quiet",
)

# The first lock leads: the others take its versions wherever they hold the same package.
LOCKS = {
    "bootstrap": ["requirements/bootstrap.in"],
    "dev": ["setup.py", "--extra=dev"],
    "runtime": ["setup.py", "--extra=datasets", "--constraints=requirements/dev.lock"],
    "kubeflow": ["setup.py", "--extra=datasets", "--extra=kubeflow", "--constraints=requirements/dev.lock"],
    # Airflow 3 cannot share an environment with TFX (attrs), and calls it as a command.
    "airflow": ["requirements/airflow.in"],
}


def main() -> int:
    """Exit code: 0, or 2 after one line that says which lock could not be made."""
    try:
        index = configured_index(os.environ)
        uv = fetch_tool("uv", index, ROOT / ".cache/bootstrap", ROOT / "requirements/bootstrap.lock")
        upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
        for name, arguments in LOCKS.items():
            output = f"requirements/{name}.lock"
            say(f"resolving {output}")
            command = [str(uv), "pip", "compile", *OPTIONS, *upgrade, *arguments, "--output-file", output]
            if subprocess.run(command, cwd=ROOT, env=uv_environment(os.environ, index)).returncode:
                raise BadInput(f"{output} could not be resolved, uv says why above")
    except BadInput as error:
        say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
