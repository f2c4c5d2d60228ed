"""setup.py builds a wheel by itself, as Beam does for remote workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "pipeline", "components", "trainer_modules", "serving", "data")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    source = tmp_path_factory.mktemp("source")
    shutil.copy(ROOT / "setup.py", source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("out")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    (wheel,) = out.glob("mlpipe-*-py3-none-any.whl")
    return zipfile.ZipFile(wheel)


def test_every_file_of_the_packages_is_inside(shipped: zipfile.ZipFile) -> None:
    inside = {name for name in shipped.namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == files


def test_it_names_the_command_and_what_it_needs(shipped: zipfile.ZipFile) -> None:
    entry_points = next(name for name in shipped.namelist() if name.endswith("entry_points.txt"))
    assert "mlpipe = pipeline.cli:main" in shipped.read(entry_points).decode()
    metadata = next(name for name in shipped.namelist() if name.endswith("/METADATA"))
    lines = shipped.read(metadata).decode().splitlines()
    needs = {Requirement(line.split(":", 1)[1]) for line in lines if line.startswith("Requires-Dist:")}
    assert Requirement("tfx==1.21.*") in needs
    assert Requirement('kfp>=2.16,<2.17; extra == "kubeflow"') in needs
    (python,) = (line for line in lines if line.startswith("Requires-Python:"))
    assert SpecifierSet(python.split(":", 1)[1]) == SpecifierSet(">=3.10,<3.14")
