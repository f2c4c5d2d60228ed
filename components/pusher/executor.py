"""Pushes a blessed model: copy beside, flush, rename; then prune old versions."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import artifact_utils
from tfx.utils import path_utils

from common import remote_files
from common.errors import UserError
from components.pusher import assembled, remote
from components.pusher.constants import MODEL_ID
from components.serving_check.constants import HAS_MODEL


class Executor(tfx_pusher.Executor):
    """Pushes when every blessing holds; otherwise records that nothing was pushed."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = artifact_utils.get_single_instance(input_dict["model"])
        directory = exec_properties["directory"]
        manifest = {MODEL_ID: model.id, "model_uri": model.uri}
        edge = None
        if input_dict.get("edge_model"):
            edge = Path(artifact_utils.get_single_uri(input_dict["edge_model"]))
            manifest["edge_uri"] = str(edge)
        source, keep = Path(self.GetModelPath(input_dict)), exec_properties["keep"]
        if remote_files.is_remote(directory):
            version = remote.push(source, directory, manifest, edge)
            remote.prune(directory, keep)
        else:
            version = push(source, Path(directory), manifest, edge)
            prune(Path(directory), keep)
        self._MarkPushed(pushed, pushed_destination=f"{directory}/{version}", pushed_version=str(version))
        pushed.set_int_custom_property(MODEL_ID, model.id)

    def GetModelPath(self, input_dict: dict[str, list[types.Artifact]]) -> str:
        """The SavedModel with warm-up requests where the InfraBlessing holds one, else the Model's own.

        TFX's Pusher takes the former only where it is given no Model; here the Model is needed for its id.
        """
        for blessing in input_dict.get("infra_blessing") or []:
            if blessing.get_int_custom_property(HAS_MODEL) == 1:
                return str(path_utils.stamped_model_path(blessing.uri))
        return str(super().GetModelPath(input_dict))


def versions(directory: Path) -> list[int]:
    """Version numbers that are there, ascending."""
    if not directory.is_dir():
        return []
    return sorted(
        int(entry.name) for entry in directory.iterdir() if entry.name.isdecimal() and entry.is_dir()
    )


def push(model: Path, directory: Path, manifest: dict[str, Any], edge: Path | None = None) -> int:
    """Copies the SavedModel `model`, and the forms of an EdgeModel, to the next version below `directory`; returns it.

    The version's folder appears by one rename, complete and flushed to disk. When the latest version already is this
    very model, it is left as it is.

    Raises:
      UserError: the disk is full or the folder cannot be written; former versions stay as they were.
    """
    present = versions(directory)
    if present and _manifest(directory / str(present[-1])) == manifest:
        return present[-1]
    version = present[-1] + 1 if present else 1
    staged = directory / f".pushing-{version}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in (*directory.glob(".pushing-*"), *directory.glob(".removing-*")):
            shutil.rmtree(leftover)
        assembled.assemble(model, staged, manifest, edge)
        _flush(staged)
        staged.rename(directory / str(version))
        _flush_folder(directory)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        served = f"version {present[-1]} stays served" if present else "nothing was pushed"
        raise UserError(f"push to {directory} failed: {_cause(error)}; {served}") from error
    return version


def prune(directory: Path, keep: int) -> None:
    """Removes all but the `keep` latest versions; each vanishes by one rename."""
    for version in versions(directory)[:-keep]:
        removed = (directory / str(version)).rename(directory / f".removing-{version}")
        shutil.rmtree(removed)


def _manifest(version: Path) -> Any:
    try:
        return json.loads((version / assembled.MANIFEST).read_text())
    except (OSError, ValueError):
        return None


def _cause(error: OSError) -> str:
    """The system's reason; shutil gathers those of many files in one error."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        reasons = [str(entry[-1]) for entry in error.args[0]]
        full = os.strerror(errno.ENOSPC)
        return full if any(full in reason for reason in reasons) else re.sub(r"\[.*?\] |: .*", "", reasons[0])
    return error.strerror or str(error)


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            _flush_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
