"""Which folder is the home."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
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
