"""Data in an object store: what a run reads is copied into the home first, and only what is new or has changed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import remote_files
from common.errors import BadInput
from common.remote_files import File
from components.columnar_example_gen import inputs
from pipeline import copies
from pipeline.home import Home
from pipeline.sections import Data

_MAGIC = re.compile(r"[*?\[{]")


def fetch(home: Home, uri: str, data: Data) -> str:
    """The path on this machine that stands for a URI of `data.path`, with the files that it means behind it.

    Of a pattern with spans only those spans are copied that are read. What lies in a CSV file's folder is copied with it
    where the file lists images.

    Raises:
      BadInput: nothing matches, or there is no such bucket.
      UserError: the store has its troubles, the disk is full, or a file changed while it was read.
    """
    uri = uri.rstrip("/")
    if _is_whole(data) and not inputs.has_span(uri):
        return _fetch_folder(home, uri, file="csv" if data.images == "csv" else None)
    base, pattern = _split(uri)
    deep = _is_deep(pattern, data)
    found = remote_files.files(base, deep)
    wanted = _matching(base, pattern, found, data)
    folder = copies.place(home, base)
    remote_files.forget_others(folder, found, deep)
    remote_files.copy_here(base, [file for file in found if file.name in wanted], folder)
    return str(folder / pattern)


@contextmanager
def outline(uri: str, data: Data) -> Iterator[str]:
    """A path of this machine that stands for a URI inside the `with` block, over empty files of the same names and times.

    Raises as `fetch`, but where nothing matches.
    """
    base, pattern = _split(uri.rstrip("/"))
    with _outlined(remote_files.files(base, _is_deep(pattern, data))) as folder:
        yield str(Path(folder, pattern))


def _is_whole(data: Data) -> bool:
    return bool(data.images) or data.text == "folders"


def _is_deep(pattern: str, data: Data) -> bool:
    return _is_whole(data) or "/" in pattern or "**" in pattern


def _fetch_folder(home: Home, uri: str, file: str | None) -> str:
    folder = uri.rpartition("/")[0] if file else uri
    if not remote_files.exists(uri):
        remote_files.files(folder)
        raise BadInput(f"{uri}: no such file or folder")
    remote_files.download(folder, copies.place(home, folder))
    return str(copies.place(home, uri))


def _split(uri: str) -> tuple[str, str]:
    """(folder without a wildcard, what is meant in it)."""
    scheme, _, rest = uri.partition("://")
    parts = rest.split("/")
    fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    if fixed == len(parts) and (fixed == 1 or remote_files.is_folder(uri)):
        return uri, "."
    fixed = min(fixed, len(parts) - 1)
    return f"{scheme}://{'/'.join(parts[:fixed])}", "/".join(parts[fixed:])


def _matching(base: str, pattern: str, found: Sequence[File], data: Data) -> set[str]:
    """The names of the files that a pattern stands for, by the rules of local files."""
    with _outlined(found) as scratch:
        try:
            if _is_whole(data):
                path = Path(inputs.whole(scratch, pattern, data.span)[0])
                folder = path.parent if data.images == "csv" else path
                return {file.name for file in found if Path(scratch, file.name).is_relative_to(folder)}
            suffixes = ("",) if data.text else inputs.SUFFIXES
            resolved = inputs.resolve(scratch, {"all": pattern}, data.span, data.spans, suffixes)
        except BadInput as error:
            raise BadInput(str(error).replace(f"{scratch}/.", base).replace(scratch, base)) from None
        return {str(Path(path).relative_to(scratch)) for path in resolved.files["all"]}


@contextmanager
def _outlined(found: Sequence[File]) -> Iterator[str]:
    """A folder of empty files with their names and times; the folders in it are as old as can be."""
    with tempfile.TemporaryDirectory(prefix="mlpipe-listing-") as scratch:
        for file in found:
            path = Path(scratch, file.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, ns=(file.written, file.written))
        for folder in {parent for file in found for parent in Path(scratch, file.name).parents}:
            if folder.is_relative_to(scratch):
                os.utime(folder, (0, 0))
        yield scratch
