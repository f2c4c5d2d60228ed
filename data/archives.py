"""Archives unpacked so that nothing leaves the folder: plain files only, with names that stay inside."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from common.errors import BadInput
from data import downloads
from data.downloads import Original

Rename = Callable[[str], str | None]


def write_original(dataset: str, original: Original, folder: Path, download: bool, rename: Rename) -> Path:
    """Unpacks the original archive of a data set into `folder`, as `downloads.original_file` finds it."""
    with downloads.original_file(dataset, original, folder, download) as archive:
        if not unpack(archive, folder, rename):
            raise BadInput(f"{archive}: holds none of the files of {dataset}; fetch {original.url} again")
    return folder


def unpack(archive: Path, folder: Path, rename: Rename) -> list[Path]:
    """Writes the plain files of a .tar.gz or .zip below `folder`, sorted.

    rename: name in the archive -> name below the folder, or None for files that are left out.
    Links and devices are left out. Raises BadInput, before anything is written, for a name that leads out of the
    folder, and for an archive that is damaged.
    """
    with _opened(archive) as (names, extract):
        wanted = {name: new for name in names if (new := rename(name)) is not None}
        for name in names:
            _check_inside(archive, name)
        for new in wanted.values():
            _check_inside(archive, new)
        for name, new in wanted.items():
            target = folder / new
            target.parent.mkdir(parents=True, exist_ok=True)
            with extract(name) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    return sorted(folder / new for new in wanted.values())


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    """(names of plain files, opener of one of them)."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                plain = [
                    info.filename for info in packed.infolist() if not info.is_dir() and not _is_link(info)
                ]
                yield plain, packed.open
        else:
            with tarfile.open(archive) as tar:
                members = {member.name: member for member in tar if member.isreg()}
                yield list(members), lambda name: cast(IO[bytes], tar.extractfile(members[name]))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            # The disk is full, not the archive damaged.
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise BadInput(f"{archive}: not a readable archive ({reason}); fetch it again") from None


def _is_link(info: zipfile.ZipInfo) -> bool:
    return (info.external_attr >> 16) & 0o170000 == 0o120000


def _check_inside(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or os.path.splitdrive(name)[0]:
        raise BadInput(
            f"{archive}: holds a file {name!r}, which leads out of the folder; do not trust this archive"
        )
