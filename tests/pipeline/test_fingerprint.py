"""A module's fingerprint changes with its source and with what it imports from here, and with nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import fingerprint

FILES = {
    "shop/__init__.py": "",
    "shop/main.py": "import json\nfrom shop.deep import helper\nfrom . import sibling\nfrom .deep.other import value\n",
    "shop/sibling.py": "import shop.last\n",
    "shop/last.py": "def inner():\n    from shop import lazy\n    return lazy\n",
    "shop/lazy.py": "A = 1\n",
    "shop/unrelated.py": "B = 1\n",
    "shop/deep/__init__.py": "",
    "shop/deep/helper.py": "from ..circle import x\n",
    "shop/deep/other.py": "value = 1\n",
    "shop/circle.py": "import shop.main\nx = 1\n",
}


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.mark.parametrize(
    "edited",
    [
        "shop/main.py",
        "shop/__init__.py",
        "shop/deep/__init__.py",
        "shop/deep/helper.py",
        "shop/sibling.py",
        "shop/deep/other.py",
        "shop/last.py",
        "shop/lazy.py",
        "shop/circle.py",
    ],
)
def test_what_is_imported_counts(edited: str) -> None:
    before = fingerprint.of_module("shop.main")
    Path(edited).write_text(FILES[edited] + "# edited\n")
    after = fingerprint.of_module("shop.main")
    assert before != after
    Path(edited).write_text(FILES[edited])
    assert fingerprint.of_module("shop.main") == before


def test_what_is_not_imported_does_not_count() -> None:
    before = fingerprint.of_module("shop.main")
    Path("shop/unrelated.py").write_text("B = 2\n")
    Path("shop/added.py").write_text("")
    assert fingerprint.of_module("shop.main") == before


def test_packages_around_an_imported_module_count() -> None:
    Path("lone/deep").mkdir(parents=True)
    for name in ("lone/__init__.py", "lone/deep/__init__.py", "lone/deep/leaf.py"):
        Path(name).write_text("")
    Path("start.py").write_text("import lone.deep.leaf\n")
    before = fingerprint.of_module("start")
    Path("lone/__init__.py").write_text("A = 1\n")
    after = fingerprint.of_module("start")
    assert after != before
    Path("lone/deep/__init__.py").write_text("A = 1\n")
    assert fingerprint.of_module("start") != after


def test_an_import_that_is_added_counts_from_then_on() -> None:
    fingerprint.of_module("shop.main")
    Path("shop/sibling.py").write_text("import shop.last\nimport shop.unrelated\n")
    before = fingerprint.of_module("shop.main")
    Path("shop/unrelated.py").write_text("B = 2\n")
    assert fingerprint.of_module("shop.main") != before


def test_nothing_is_imported() -> None:
    Path("shop/main.py").write_text("raise SystemExit('imported')\n")
    assert len(fingerprint.of_module("shop.main")) == 64
    assert "shop.main" not in sys.modules


def test_trainer_module_depends_on_what_trainer_modules_share() -> None:
    closure = fingerprint._closure("trainer_modules.tabular")
    assert {"trainer_modules.tabular_config", "trainer_modules.common.export", "common.errors"} <= set(
        closure
    )
    assert not [name for name in closure if name.startswith(("pipeline", "components", "tensorflow"))]


def test_the_dag_depends_on_every_executor() -> None:
    closure = fingerprint._closure("pipeline.dag")
    for component in ("columnar_example_gen", "example_validator", "evaluator", "pusher"):
        assert f"components.{component}.executor" in closure
    assert "components.resolvers" in closure
    assert "pipeline.evaluation" in closure


def test_missing_and_broken_modules() -> None:
    with pytest.raises(
        BadInput, match=r"^no module 'shop.nothing' in this repository or the current folder$"
    ):
        fingerprint.of_module("shop.nothing")
    Path("shop/main.py").write_text("a = 1\ndef f(:\n")
    with pytest.raises(BadInput, match=r"shop/main\.py:2: invalid syntax"):
        fingerprint.of_module("shop.main")


def test_values() -> None:
    assert fingerprint.of_values({"a": 1, "b": [2]}) == fingerprint.of_values({"b": [2], "a": 1})
    assert fingerprint.of_values({"a": 1}) != fingerprint.of_values({"a": 2})
    assert fingerprint.of_values("a", "b") != fingerprint.of_values("ab")


def test_versions_are_those_installed() -> None:
    assert fingerprint.versions()["tfx"] == "1.21.0"
