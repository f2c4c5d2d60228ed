"""Files that appear complete or not at all: whoever reads one meets the former content or the new one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives a path to write to, in the folder of `path`, which is made; the file is renamed when the block ends well.

    What a block that fails has written is removed. Neither a folder nor a glob of data files picks up a part of one: its
    name begins with a dot and ends in `.part`.

    Raises:
      OSError: the folder cannot be made, or the file not be put there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8, its line ends as they are in the text. Raises OSError."""
    with written(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")
