"""Files that are written for other systems: at once and whole, and never over a file of someone else."""

from __future__ import annotations

from pathlib import Path

from common import whole_file
from common.errors import BadInput, UserError
from pipeline.wording import display


def write(path: Path, text: str, mark: str, force: bool, in_folder: bool = False) -> None:
    """Write a file whose first lines have the mark of its writer.

    Args:
      path: the file; its folder is made.
      text: what it holds.
      mark: what tells that it was written by this command before.
      force: overwrite a file without the mark.
      in_folder: whether `--out` named the folder, not the file.

    Raises:
      BadInput: a folder, or a file without that mark, is in the way.
      UserError: it cannot be written.
    """
    kind, named = ("folder", path.parent) if in_folder else ("file", path)
    try:
        if path.is_dir():
            raise BadInput(f"--out {display(path)}: is a folder; name a file in it")
        if path.parent.exists() and not path.parent.is_dir():
            raise BadInput(f"--out {display(named)}: {display(path.parent)} is a file; name a folder")
        if path.exists() and not force and mark not in path.read_text("utf-8", errors="replace")[:400]:
            raise BadInput(
                f"{display(path)}: is there and was not written by this command; name another {kind} with --out, or give"
                " --force"
            )
        whole_file.write_text(path, text)
    except OSError as error:
        raise UserError(
            f"--out {display(named)}: cannot be written: {error.strerror or error}; name another {kind}"
        ) from None
