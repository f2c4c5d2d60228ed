"""Versions in an object store or in HDFS, of which no reader ever sees the half.

An object store renames no folder, so that a version cannot appear at once. But nothing is a SavedModel without its
`saved_model.pb`: a version is uploaded below `.pushing-<version>`, a name that servers do not take for a version's; it is
then copied to `<version>` within the store, `saved_model.pb` as the last object. Whoever finds it finds all the others;
who looks a moment earlier finds a folder that is no model: TensorFlow Serving fails to load it and tries again
(`--load_retry_interval_micros`), the server of this repository passes over it. A version that goes loses `saved_model.pb`
first. HDFS has renames, which are used.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import remote_files
from common.errors import UserError
from components.pusher import assembled

LAST = "saved_model.pb"
_STAGED = ".pushing-"


def versions(uri: str) -> list[int]:
    """Numbers of the versions that are whole, ascending."""
    return [number for number in _numbers(uri) if _is_whole(uri, number)]


def push(model: Path, uri: str, manifest: Mapping[str, Any], edge: Path | None = None) -> int:
    """Copies the SavedModel `model`, and the forms of an EdgeModel, to the next version below `uri`; returns it.

    When the latest version already is this very model, it is left as it is. What a push that was killed has left is
    removed.

    Raises:
      UserError: the disk is full, or the store has its troubles; former versions stay as they were.
    """
    present = versions(uri)
    if present and _manifest(remote_files.join(uri, str(present[-1]))) == manifest:
        return present[-1]
    version = present[-1] + 1 if present else 1
    staged, target = remote_files.join(uri, f"{_STAGED}{version}"), remote_files.join(uri, str(version))
    try:
        _remove_leftovers(uri, present)
        with tempfile.TemporaryDirectory(prefix="mlpipe-push-") as scratch:
            folder = Path(scratch, "version")
            assembled.assemble(model, folder, manifest, edge)
            remote_files.upload(folder, staged)
        remote_files.rename(staged, target, LAST)
    except (OSError, UserError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{uri}/")
        served = f"version {present[-1]} stays served" if present else "nothing was pushed"
        raise UserError(f"push to {uri} failed: {reason}; {served}") from error
    return version


def prune(uri: str, keep: int) -> None:
    """Removes all but the `keep` latest versions."""
    for version in versions(uri)[:-keep]:
        remote_files.delete(remote_files.join(uri, str(version)), first=[LAST])


def _numbers(uri: str) -> list[int]:
    return sorted(int(name) for name in remote_files.children(uri) if name.isdecimal())


def _is_whole(uri: str, number: int) -> bool:
    return remote_files.exists(remote_files.join(uri, str(number), LAST))


def _remove_leftovers(uri: str, whole: list[int]) -> None:
    for name in remote_files.children(uri):
        if name.startswith(_STAGED) or (name.isdecimal() and int(name) not in whole):
            remote_files.delete(remote_files.join(uri, name))


def _manifest(uri: str) -> Any:
    content = remote_files.read(remote_files.join(uri, *assembled.MANIFEST.parts))
    try:
        return json.loads(content) if content is not None else None
    except ValueError:
        return None
