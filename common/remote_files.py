"""Files and folders in object stores and in HDFS (see `common.object_stores`), and their copies on this machine.

Every trouble of a store is a UserError with one line.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from common.errors import UserError
from common.object_stores import opened, told

T = TypeVar("T")

_AT_ONCE = 8
_BLOCK = 8 << 20
# What a copy that was killed can leave begins with it.
PARTIAL = ".fetching-"


@dataclass(frozen=True)
class File:
    """A file below a folder: its name from there, its size, and when it was written (nanoseconds since 1970)."""

    name: str
    bytes: int
    written: int


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a URI of a store, and not a path of this machine."""
    return "://" in str(path)


def join(uri: str, *names: str) -> str:
    """The URI of something below a folder."""
    return "/".join([uri.rstrip("/"), *names])


def files(uri: str, deep: bool = True) -> list[File]:
    """The files below a folder, or directly in it, sorted by name; none where there is nothing.

    Raises BadInput when there is not even the bucket.
    """
    return sorted(_entries(uri, deep)[0], key=lambda file: file.name)


def stat(uri: str, names: Iterable[str]) -> list[File]:
    """Those of the named files of a folder that are there."""
    from pyarrow import fs

    store, path = opened(uri)
    listed = list(names)
    with told(uri):
        found = store.get_file_info([f"{path}/{name}" for name in listed]) if listed else []
    return [_file(name, one) for name, one in zip(listed, found, strict=True) if one.type == fs.FileType.File]


def children(uri: str) -> list[str]:
    """The names of the folders directly in a folder, sorted; none where there is nothing.

    Raises BadInput when there is not even the bucket.
    """
    found, folders = _entries(uri, deep=opened(uri)[0].type_name == "gcs")
    # Arrow lists a folder of Google's store only where an empty object stands for it.
    names = [*folders, *(file.name for file in found if "/" in file.name)]
    return sorted({name.partition("/")[0] for name in names})


def exists(uri: str) -> bool:
    """Whether there is a file or a folder."""
    from pyarrow import fs

    return bool(_kind(uri) != fs.FileType.NotFound)


def is_folder(uri: str) -> bool:
    """Whether there is a folder."""
    from pyarrow import fs

    return bool(_kind(uri) == fs.FileType.Directory)


def read(uri: str) -> bytes | None:
    """The content of a file, None where there is none."""
    store, path = opened(uri)
    try:
        with told(uri), store.open_input_stream(path, compression=None) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None


def write(uri: str, content: bytes, kind: str | None = None) -> None:
    """Writes a file, over one that is there; kind: what browsers are told that it is, as `text/html`."""
    store, path = opened(uri)
    with told(uri, writes=True):
        _make_parent(store, path)
        metadata = {"Content-Type": kind} if kind else None
        with store.open_output_stream(path, compression=None, metadata=metadata) as stream:
            stream.write(content)


def delete(uri: str, first: Collection[str] = ()) -> None:
    """Deletes a folder with all that is in it, or a file, if it is there; the files `first` before all others."""
    from pyarrow import fs

    store, path = opened(uri)
    with told(uri):
        for name in first:
            if store.get_file_info(f"{path}/{name}").type == fs.FileType.File:
                store.delete_file(f"{path}/{name}")
        kind = store.get_file_info(path).type
        if kind == fs.FileType.Directory:
            # Google's store has no object that stands for the folder, once all in it is deleted.
            with suppress(FileNotFoundError):
                store.delete_dir(path)
        elif kind == fs.FileType.File:
            store.delete_file(path)


def download(uri: str, folder: Path, immutable: bool = False) -> None:
    """Makes `folder` a copy of a remote folder, empty folders included; other files in it are removed.

    Raises as `copy_here`.
    """
    found, folders = _entries(uri, deep=True)
    for name in ("", *folders):
        folder.joinpath(name).mkdir(parents=True, exist_ok=True)
    forget_others(folder, found)
    copy_here(uri, found, folder, immutable)


def forget_others(folder: Path, found: Iterable[File], deep: bool = True) -> None:
    """Removes the files in a local folder, and below it if `deep`, that are no copies of those that were found."""
    names = {file.name for file in found}
    for path in [one for one in (folder.rglob("*") if deep else folder.glob("*")) if one.is_file()]:
        if str(path.relative_to(folder)) not in names:
            path.unlink()


def copy_here(uri: str, found: Iterable[File], folder: Path, immutable: bool = False) -> None:
    """Copies files that were found in a remote folder to a local one; those that are there already are left as they are.

    A copy gets the time of what it is a copy of, by which it is known again. `immutable`: nobody writes a file twice, so
    that the grain of a store's clock does not matter. Each file appears by a rename.

    Raises:
      UserError: the disk is full, a file changed while it was read, or the store has its troubles.
    """
    missing = [file for file in found if not _is_copy(folder / file.name, file, immutable)]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the folder: whoever reads it, or copies it at the same time, sees whole files alone.
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder.parent) as scratch:
        _each(missing, lambda file: _download_file(uri, file, folder / file.name, Path(scratch)))
    now = set(stat(uri, [file.name for file in missing]))
    for file in missing:
        if file not in now:
            (folder / file.name).unlink(missing_ok=True)
            raise UserError(
                f"{join(uri, file.name)}: changed while it was read; try again when it is written"
            )


def upload(folder: Path, uri: str) -> None:
    """Makes a remote folder a copy of a local one, empty folders included.

    Afterwards the local files have the times of the remote ones, so that `download` finds nothing to do.
    """
    store, path = opened(uri)
    local = {str(one.relative_to(folder)): one for one in sorted(folder.rglob("*")) if one.is_file()}
    empty = [one for one in (folder, *folder.rglob("*")) if one.is_dir() and not any(one.iterdir())]
    strange = [file.name for file in files(uri) if file.name not in local]
    with told(uri):
        for name in strange:
            store.delete_file(f"{path}/{name}")
        for one in empty:
            store.create_dir("/".join([path, *one.relative_to(folder).parts]))
    _each(local, lambda name: _upload_file(local[name], join(uri, name)))
    written = {file.name: file for file in files(uri)}
    for name, one in local.items():
        if name not in written or written[name].bytes != one.stat().st_size:
            raise UserError(
                f"{join(uri, name)}: is not there as it was written; does something else write here?"
            )
        os.utime(one, ns=(written[name].written, written[name].written))


def rename(uri: str, to: str, last: str) -> None:
    """Moves a folder: by a rename where the store has one, else by copies within the store, the file `last` as the last.

    Whoever finds the file `last` in the new folder finds all others there.
    """
    store, path = opened(uri)
    _, target = opened(to)
    if store.type_name == "hdfs":
        with told(to):
            store.move(path, target)
        return
    names = [file.name for file in files(uri)]
    rest = [name for name in names if name != last]

    def copy(name: str) -> None:
        with told(join(to, name)):
            store.copy_file(f"{path}/{name}", f"{target}/{name}")

    _each(rest, copy)
    copy(last)
    delete(uri)


def _kind(uri: str) -> Any:
    store, path = opened(uri)
    with told(uri):
        return store.get_file_info(path).type


def _entries(uri: str, deep: bool) -> tuple[list[File], list[str]]:
    """The files in a folder, and the names of the folders in it."""
    from pyarrow import fs

    found = _listed(uri, deep)
    below = len(opened(uri)[1].rstrip("/")) + 1
    return (
        [_file(one.path[below:], one) for one in found if one.type == fs.FileType.File],
        [one.path[below:] for one in found if one.type == fs.FileType.Directory],
    )


def _file(name: str, info: Any) -> File:
    return File(name, info.size, info.mtime_ns or 0)


def _listed(uri: str, recursive: bool) -> list[Any]:
    """What Arrow says of everything in a folder. Raises BadInput when there is not even the bucket."""
    from pyarrow import fs

    store, path = opened(uri)
    with told(uri):
        found = list(store.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=recursive)))
        bucket = path.partition("/")[0]
        if not found and bucket and store.get_file_info(bucket).type == fs.FileType.NotFound:
            raise OSError("NO_SUCH_BUCKET")
    return found


def _is_copy(path: Path, file: File, immutable: bool) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    # A store's clock counts seconds: what was copied within that of its writing may have been written again.
    settled = immutable or stat.st_ctime_ns - file.written > 2_000_000_000
    return settled and (stat.st_size, stat.st_mtime_ns) == (file.bytes, file.written)


def _download_file(uri: str, file: File, path: Path, scratch: Path) -> None:
    store, source = opened(join(uri, file.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=scratch)
    try:
        with os.fdopen(descriptor, "wb") as target, told(join(uri, file.name)):
            with store.open_input_stream(source, compression=None) as stream:
                while block := stream.read(_BLOCK):
                    _write_block(target, block, path)
        os.chmod(partial, 0o644)
        os.utime(partial, ns=(file.written, file.written))
        os.replace(partial, path)
    except FileNotFoundError:
        raise UserError(f"{join(uri, file.name)}: is gone since it was listed; try again") from None


def _write_block(target: Any, block: bytes, path: Path) -> None:
    try:
        target.write(block)
        target.flush()
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise UserError(f"{path.parent}: {reason}; free some space there, or name another --home") from None


def _upload_file(path: Path, uri: str) -> None:
    store, target = opened(uri)
    with told(uri, writes=True):
        _make_parent(store, target)
        with path.open("rb") as source, store.open_output_stream(target, compression=None) as stream:
            shutil.copyfileobj(source, stream, _BLOCK)


def _make_parent(store: Any, path: str) -> None:
    # Object stores have no folders to be made.
    if store.type_name == "hdfs":
        store.create_dir(path.rpartition("/")[0])


def _each(items: Iterable[T], work: Callable[[T], None]) -> None:
    """Several at once; the first error ends it."""
    listed = list(items)
    if len(listed) < 2:
        for item in listed:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_AT_ONCE, len(listed))) as pool:
        for _ in pool.map(work, listed):
            pass
