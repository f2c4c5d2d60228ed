"""Files that are written for other systems: at once and whole, and never over a file of someone else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from common.errors import BadInput, UserError
from pipeline.wording import display


def write(path: Path, text: str, mark: str, force: bool) -> None:
    """Write a file whose first lines have the mark of its writer.

    Raises:
      BadInput: a folder, or a file without that mark, is in the way; with `force` a file is overwritten.
      UserError: it cannot be written.
    """
    try:
        if path.is_dir():
            raise BadInput(f"--out {display(path)}: is a folder; name a file in it")
        if path.exists() and not force and mark not in path.read_text("utf-8", errors="replace")[:400]:
            raise BadInput(
                f"{display(path)}: is there and was not written by this command; name another with --out, or give"
                " --force"
            )
        if path.parent.exists() and not path.parent.is_dir():
            raise BadInput(f"--out {display(path)}: {display(path.parent)} is a file, not a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise UserError(
            f"--out {display(path)}: cannot be written: {error.strerror or error}; name another file"
        ) from None
