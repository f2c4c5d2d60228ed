"""Archives are unpacked inside their folder, or not at all."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from common.errors import BadInput
from data import archives


def tar(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


def zipped(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, target)
    return path


PACKERS = pytest.mark.parametrize("pack", [tar, zipped])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@PACKERS
def test_chosen_files_get_their_new_names(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    archive = pack(tmp_path / "a", {"top/a/1.jpg": b"1", "top/b/2.jpg": b"2", "top/notes": b"n"})
    out = tmp_path / "out"
    written = archives.unpack(
        archive, out, lambda name: name.removeprefix("top/") if name.endswith(".jpg") else None
    )
    assert contents(out) == {"a/1.jpg": b"1", "b/2.jpg": b"2"}
    assert written == [out / "a" / "1.jpg", out / "b" / "2.jpg"]


@PACKERS
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil"])
def test_a_name_that_leads_out_writes_nothing(tmp_path: Path, pack: object, name: str) -> None:
    assert callable(pack)
    archive = pack(tmp_path / "a", {"good": b"g", name: b"x"})
    with pytest.raises(BadInput) as caught:
        archives.unpack(archive, tmp_path / "out", lambda name: name)
    assert str(caught.value) == (
        f"{archive}: holds a file {name!r}, which leads out of the folder; do not trust this archive"
    )
    assert list(tmp_path.iterdir()) == [archive]


@PACKERS
def test_links_are_left_out(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    archive = pack(tmp_path / "a", {"good": b"g"}, {"link": "/etc", "link/passwd2": "/etc/passwd"})
    archives.unpack(archive, tmp_path / "out", lambda name: name)
    assert contents(tmp_path / "out") == {"good": b"g"}
    assert not (tmp_path / "out" / "link").is_symlink()


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    good = tar(tmp_path / "a.tar.gz", {"x": bytes(range(256)) * 400})
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(good.read_bytes()[:-30])
    text = tmp_path / "text.tar.gz"
    text.write_bytes(b"hello")
    for archive in (cut, text):
        with pytest.raises(BadInput, match=rf"^{archive}: not a readable archive \(.*\); fetch it again$"):
            archives.unpack(archive, tmp_path / "out", lambda name: name)
