"""Original files: from where the user says, or fetched, checked either way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from common.errors import BadInput
from data import downloads
from data.downloads import Original


@pytest.fixture
def original(tmp_path: Path) -> Original:
    path = tmp_path / "makers" / "set.zip"
    path.parent.mkdir()
    path.write_bytes(b"content")
    return Original(path.as_uri(), hashlib.sha256(b"content").hexdigest(), 7)


def test_it_is_fetched_checked_and_taken_away_after_use(original: Original, tmp_path: Path) -> None:
    with downloads.original_file("pets", original, tmp_path / "out", download=True) as path:
        assert path == tmp_path / "out" / "set.zip"
        assert path.read_bytes() == b"content"
    assert list((tmp_path / "out").iterdir()) == []


def test_without_download_it_says_how(original: Original, tmp_path: Path) -> None:
    with (
        pytest.raises(BadInput) as caught,
        downloads.original_file("pets", original, tmp_path / "out", download=False),
    ):
        pass
    assert str(caught.value) == (
        "data set pets is not on this machine; fetch its 7 MB with: mlpipe data get pets --download (or set"
        " MLPIPE_DATA_PETS to set.zip)"
    )


def test_another_content_is_refused(original: Original, tmp_path: Path) -> None:
    other = Original(original.url, "0" * 64, 7)
    with pytest.raises(
        BadInput, match=r"its sha256 is ed7002b439e9\.\.\., not 000000000000\.\.\.; what came is not"
    ):
        downloads.fetch(other, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_fetched_is_told(original: Original, tmp_path: Path) -> None:
    gone = Original(f"{original.url}.gone", original.sha256, 7)
    with pytest.raises(
        BadInput, match=r"set\.zip\.gone: cannot be fetched \(.*No such file.*\); check the network"
    ):
        downloads.fetch(gone, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_not_taken_for_a_bad_network(original: Original, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / f"set.zip.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(BadInput) as caught:
        downloads.fetch(original, folder)
    assert str(caught.value) == f"{folder}: set.zip cannot be written there (No space left on device)"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("given", ["makers", "makers/set.zip"])
def test_the_variable_names_the_file_or_its_folder(
    original: Original, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPIPE_DATA_PETS", str(tmp_path / given))
    with downloads.original_file("pets", original, tmp_path / "out", download=False) as path:
        assert path == tmp_path / "makers" / "set.zip"
    assert path.is_file(), "the user's own file stays"


def test_a_variable_that_leads_nowhere_is_told(
    original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPIPE_DATA_PETS", str(tmp_path))
    with (
        pytest.raises(
            BadInput, match=r"^MLPIPE_DATA_PETS=.*: there is no set\.zip; name the file, or its folder$"
        ),
        downloads.original_file("pets", original, tmp_path / "out", download=True),
    ):
        pass
