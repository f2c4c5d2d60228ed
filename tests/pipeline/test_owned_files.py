"""Files of a command in a folder of the user's: all or none, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput, UserError
from pipeline import owned_files

FILES = {"a.yaml": "a: 1\n", "sub/b.sh": "echo b\n"}


def present(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != owned_files.RECORD
    }


def test_written_twice(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    owned_files.write(folder, FILES, executable="sub/b.sh")
    assert present(folder) == FILES
    assert (folder / "sub" / "b.sh").stat().st_mode & 0o111
    changed = {"a.yaml": "a: 2\n", "c.yaml": "c: 1\n"}
    owned_files.write(folder, changed)
    assert present(folder) == changed


def test_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine\n")
    (tmp_path / "notes.txt").write_text("mine too\n")
    with pytest.raises(BadInput, match=r"a\.yaml: is there and was not written by this command"):
        owned_files.write(tmp_path, FILES)
    assert present(tmp_path) == {"a.yaml": "mine\n", "notes.txt": "mine too\n"}
    owned_files.write(tmp_path, FILES, force=True)
    assert present(tmp_path) == {**FILES, "notes.txt": "mine too\n"}


def test_an_edit_stays(tmp_path: Path) -> None:
    owned_files.write(tmp_path, FILES)
    (tmp_path / "sub" / "b.sh").write_text("echo mine\n")
    with pytest.raises(BadInput, match=r"b\.sh: was edited since it was written"):
        owned_files.write(tmp_path, {**FILES, "sub/b.sh": "echo new\n"})
    assert (tmp_path / "sub" / "b.sh").read_text() == "echo mine\n"
    owned_files.write(tmp_path, {"a.yaml": "a: 1\n"})
    assert present(tmp_path) == {"a.yaml": "a: 1\n", "sub/b.sh": "echo mine\n"}


def test_the_same_text_of_another_is_no_loss(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FILES["a.yaml"])
    owned_files.write(tmp_path, FILES)
    assert present(tmp_path) == FILES


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_files.write(tmp_path, FILES)
    write_text = Path.write_text

    def full(path: Path, text: str, **arguments: str) -> int:
        if path.name == "b.sh":
            raise OSError(28, "No space left on device")
        return write_text(path, text, **arguments)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        owned_files.write(tmp_path, {"a.yaml": "a: 2\n", "sub/b.sh": "echo 2\n"})
    monkeypatch.undo()
    assert present(tmp_path) == FILES


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadInput, match="out: is a file; name a folder"):
        owned_files.write(tmp_path / "out", FILES)
