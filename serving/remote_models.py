"""Models in an object store: a version is copied to this machine when it is to be loaded, and goes when it is unloaded."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote, unquote

from common import remote_files

_MODELS = ("saved_model.pb", "saved_model.pbtxt", "model.tflite")


def versions(base_path: str) -> list[str]:
    """Names of the folders in a base path that are versions with a whole model, sorted: one that is being pushed has no model yet.

    Raises common.errors.UserError when the store does not tell.
    """
    names = [name for name in remote_files.children(base_path) if name.isdecimal()]
    return [name for name in names if remote_files.stat(remote_files.join(base_path, name), _MODELS)]


def place(base_path: str, name: str) -> Path:
    """Where the copy of a version goes."""
    return Path(_scratch(), quote(base_path, safe=""), name)


def fetch(path: Path) -> None:
    """Copies a version to its place; other paths are left as they are.

    Raises common.errors.UserError when it cannot be copied.
    """
    if _is_copy(path):
        remote_files.download(remote_files.join(unquote(path.parent.name), path.name), path)


def forget(path: Path) -> None:
    """Removes the copy of a version."""
    if _is_copy(path):
        shutil.rmtree(path, ignore_errors=True)


def _is_copy(path: Path) -> bool:
    return bool(_scratch.cache_info().currsize) and path.is_relative_to(_scratch())


@functools.cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mlpipe-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
