"""Files that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import whole_file


def test_a_file_gets_its_name_when_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.csv"
    with whole_file.written(path) as partial:
        partial.write_text("a,b\n")
        assert [one.name[0] for one in path.parent.iterdir()] == ["."]
    assert path.read_text() == "a,b\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    whole_file.write_text(path, "former ä\r\n")

    def fails() -> None:
        with whole_file.written(path) as partial:
            partial.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fails()
    assert path.read_bytes() == "former ä\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]
