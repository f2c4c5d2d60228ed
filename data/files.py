"""What the loaders share: finding an installed package's file, checking it, writing a CSV file as a whole."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common import whole_file
from common.errors import BadInput


def package_path(package: str, name: str, sha256: str, install: str) -> Path:
    """The path of a file inside an installed package, without importing the package.

    Raises BadInput, with the command that installs it, when the package or the file is not there, and when the
    content is not the one with this sha256.
    """
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise BadInput(f"package {package} is not installed; install it with: {install}")
    path = Path(folders[0], name)
    if not path.is_file():
        raise BadInput(f"{path}: not in the installed package; install the right version with: {install}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise BadInput(
            f"{path}: its sha256 is {found[:12]}..., not {sha256[:12]}...; install the right version with: {install}"
        )
    return path


def package_file(package: str, name: str, sha256: str, install: str) -> bytes:
    """The content of a file inside an installed package; as `package_path`."""
    return package_path(package, name, sha256, install).read_bytes()


def write_rows(folder: Path, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Writes `folder`/`name` as CSV with a header: the file appears complete or not at all."""
    with (
        whole_file.written(folder / name) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return folder / name


def write_text(folder: Path, name: str, text: str) -> Path:
    """Writes `folder`/`name` in UTF-8: the file appears complete or not at all."""
    whole_file.write_text(folder / name, text)
    return folder / name
