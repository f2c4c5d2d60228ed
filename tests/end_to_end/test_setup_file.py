"""Workers that do not have this repository are sent it as a package."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import beam_results
from tests.end_to_end.project import mlpipe
from tests.portable_beam import Service, portable_beam

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
# The environment of the tests has a checkout installed in place.
WITHOUT_THE_CHECKOUT = """\
import os
import sys

here = os.path.dirname(__file__)
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in repr(finder)]
sys.path[:] = [
    path for path in sys.path if path.startswith(here) or not os.path.isdir(os.path.join(path, "trainer_modules"))
]
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a worker's host: `python` there knows Beam and TFX, `worker` is one file of this repository."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "sitecustomize.py").write_text(WITHOUT_THE_CHECKOUT)
    shutil.copy(REPOSITORY / "pipeline/beam_worker.py", folder)
    enter = f"cd {shlex.quote(str(folder))}; export PYTHONPATH=$PWD TMPDIR=$PWD"
    for name, program in (("python", ""), ("worker", " beam_worker.py")):
        path = folder / name
        path.write_text(f'#!/bin/sh\n{enter}\nexec {shlex.quote(sys.executable)}{program} "$@"\n')
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def service(host: Path) -> Iterator[Service]:
    with portable_beam(host, host / "worker") as running:
        yield running


def test_the_host_does_not_have_it(host: Path) -> None:
    script = "import importlib.util as u; print(u.find_spec('apache_beam') is None, u.find_spec('components') is None)"
    done = subprocess.run([host / "python", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def test_not_sent(tmp_path: Path, service: Service) -> None:
    result = mlpipe("run", "taxi", "--until", "ExampleGen", *service.overrides, "--home", str(tmp_path))
    assert result.code == 1
    log = result.err.rstrip().rpartition("log: ")[2]
    assert "No module named 'components'" in Path(log).read_text()


def test_sent(tmp_path: Path, service: Service, host: Path) -> None:
    here = beam_results.run(tmp_path / "here", "--until", "ExampleGen")
    setup_file = ["--set", "beam.setup_file=true", *service.overrides]
    there = beam_results.run(tmp_path / "there", "--until", "ExampleGen", *setup_file)
    beam_results.same_examples(here, there)
    installed = [path.relative_to(path.parents[1]).as_posix() for path in host.glob("mlpipe-worker-*/site/*")]
    assert "site/components" in installed
