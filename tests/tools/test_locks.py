from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import farmhash
import pytest
import setuptools
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*.lock"))
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def locked(name: str, python: str) -> dict[str, str]:
    """Versions by package that the lock holds for one Python on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.5",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    versions: dict[str, str] = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line.split("--hash")[0].strip())
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert requirement.name not in versions
                versions[requirement.name] = str(requirement.specifier).removeprefix("==")
    return versions


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py tells setuptools."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: told.update(arguments))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    return told


def test_the_locks_that_set_up_and_the_image_need_are_there() -> None:
    assert LOCKS == ["airflow.lock", "bootstrap.lock", "dev.lock", "kubeflow.lock", "runtime.lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    assert "index" not in re.sub(r"#.*", "", text)
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r"\w", line):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line.split(" ")[0]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("dev.lock", ["dev", "datasets"]),
        ("runtime.lock", ["datasets"]),
        ("kubeflow.lock", ["datasets", "kubeflow"]),
    ],
)
def test_a_lock_fits_the_ranges_of_setup_py(
    declared: dict[str, Any], name: str, extras: list[str], python: str
) -> None:
    versions = locked(name, python)
    wanted = [
        *declared["install_requires"],
        *(one for extra in extras for one in declared["extras_require"][extra]),
    ]
    for requirement in map(Requirement, wanted):
        version = versions[requirement.name.lower()]
        assert requirement.specifier.contains(version), f"{requirement} but {name} has {version}: make lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_airflow_has_an_environment_of_its_own(python: str) -> None:
    versions = locked("airflow.lock", python)
    assert versions["apache-airflow"].startswith("3.")
    assert not {"tfx", "tensorflow", "apache-beam", "ml-metadata"} & set(versions)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_tested_is_what_the_image_runs(python: str) -> None:
    tested = locked("dev.lock", python)
    shipped = locked("runtime.lock", python)
    assert shipped.items() <= tested.items()
    assert shipped["tfx"].startswith("1.21.")
    assert "pytest" not in shipped


def test_pyfarmhash_hashes_as_farmhash_does() -> None:
    # The examples of FARM_FINGERPRINT in BigQuery's reference, as signed 64-bit integers.
    published = {
        "1footrue": -1541654101129638711,
        "2applefalse": 2794438866806483259,
        "3true": -4880158226897771312,
    }
    for text, fingerprint in published.items():
        assert farmhash.fingerprint64(text) == fingerprint % 2**64
