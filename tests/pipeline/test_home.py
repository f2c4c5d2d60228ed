"""Which folder is the home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import BadInput, UserError
from pipeline import home


def test_option_then_environment_then_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPIPE_HOME", raising=False)
    assert home.find().root == tmp_path / ".mlpipe"
    monkeypatch.setenv("MLPIPE_HOME", "")
    assert home.find().root == tmp_path / ".mlpipe"
    monkeypatch.setenv("MLPIPE_HOME", "elsewhere")
    assert home.find().root == tmp_path / "elsewhere"
    assert home.find(Path("/opt/state")).root == Path("/opt/state")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home.find(Path("~/state")).root == tmp_path / "state"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("")
    with pytest.raises(BadInput) as caught:
        home.find(tmp_path / "rows.csv")
    assert str(caught.value) == f"--home {tmp_path}/rows.csv: is a file; name a folder"


def test_artifacts_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    found = home.Home(tmp_path / "home")
    found.check_writable("toy")
    assert found.pipeline_root("toy").is_dir()
    assert list(found.pipeline_root("toy").iterdir()) == []
    found.pipeline_root("toy").chmod(0o500)
    user = os.geteuid()
    if user == 0:
        # Root may write everywhere.
        os.seteuid(65534)
    try:
        with pytest.raises(UserError) as caught:
            found.check_writable("toy")
    finally:
        os.seteuid(user)
    assert str(caught.value) == (
        f"{found.pipeline_root('toy')}: cannot be written (Permission denied); make it writable for this user, or"
        " name another --home"
    )


def test_a_home_has_one_name(tmp_path: Path) -> None:
    first, second = home.Home(tmp_path / "a"), home.Home(tmp_path / "b")
    assert first.identity() == home.Home(tmp_path / "a").identity() != second.identity()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["identity"]


def test_a_home_without_links_has_an_identity_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    assert home.Home(tmp_path).identity() == home.Home(tmp_path).identity()
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]
