"""One finished first run, from which every test starts on a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.project import TOY, Project, Result, rows


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """The project's folder, a copy of it right after its first run, and how that run ended."""
    folder = tmp_path_factory.mktemp("end_to_end") / "project"
    folder.mkdir()
    (folder / "rows.csv").write_text(rows())
    (folder / "toy.yaml").write_text(TOY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = Project(folder).run()
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    return folder, copy, result


@pytest.fixture
def finished(first_run: tuple[Path, Path, Result], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as its first run left it; the metadata holds absolute paths, so that it is always the same folder."""
    folder, copy, result = first_run
    assert result.code == 0, result.err
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that has never run."""
    (tmp_path / "rows.csv").write_text(rows())
    (tmp_path / "toy.yaml").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
