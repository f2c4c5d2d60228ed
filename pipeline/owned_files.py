"""Files that a command writes into a folder of the user's: all or none, and none that is somebody else's."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common.errors import BadInput, UserError
from pipeline.wording import display

RECORD = ".mlpipe-export.json"


def write(folder: Path, files: Mapping[str, str], *, executable: str = "", force: bool = False) -> None:
    """Writes the files (path below the folder -> text), and takes away those of an earlier call that are none now.

    The record in the folder tells what was written: a file that is not in it, or was edited since, stays, unless
    `force` is given. All files are complete on disk before the first takes its place.
    Raises BadInput for a file that would be lost, UserError when the disk does not take the files.
    """
    written = _record(folder)
    former = [path for path in written if path not in files]
    if not force:
        _check_ours(folder, files, written)
    record = {path: _digest(text.encode()) for path, text in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
            staged = Path(scratch)
            for path, text in {**files, RECORD: json.dumps(record, indent=1)}.items():
                (staged / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).write_text(text, encoding="utf-8")
            if executable:
                (staged / executable).chmod(0o755)
            for path in [*files, RECORD]:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).replace(folder / path)
    except OSError as error:
        raise UserError(f"{display(folder)}: cannot be written: {error.strerror or error}") from None
    for path in former:
        if _is_unchanged(folder / path, written[path]):
            (folder / path).unlink()


def _record(folder: Path) -> dict[str, str]:
    """Path -> sha256 of what was written last."""
    try:
        return dict(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _check_ours(folder: Path, files: Mapping[str, str], written: Mapping[str, str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{display(folder)}: is a file; name a folder")
    for path, text in files.items():
        present = folder / path
        if not present.exists() or _is_unchanged(present, _digest(text.encode())):
            continue
        if path not in written:
            raise BadInput(
                f"{display(present)}: is there and was not written by this command; name another folder, or give"
                " --force"
            )
        if not _is_unchanged(present, written[path]):
            raise BadInput(
                f"{display(present)}: was edited since it was written; keep the edit elsewhere, then give --force"
            )


def _is_unchanged(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
