"""Which versions of a model to serve: what lies under its base path, and what its policy takes of that."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from common import remote_files
from common.errors import UserError
from serving import remote_models
from serving.errors import ServingError, invalid_argument, not_found

NUMBER = re.compile(r"-?[0-9]+", re.ASCII)


class Found(NamedTuple):
    """What one look at a base path gave."""

    versions: dict[int, Path]
    """The versions to serve, by number: what the policy takes of the folders whose names are integers."""
    warnings: list[str]
    """What the owner of the folder should know."""


def find_versions(model: ModelConfig) -> Found:
    """Looks for the versions that the model's policy wants: latest N (1 unless told), all, or specific ones.

    Blocks on the file system. Raises ServingError when the base path cannot be read, which is not the same
    as an empty one: nothing is unloaded then.
    """
    folders, warnings = _version_folders(model)
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        wanted = set(folders)
    elif choice == "specific":
        wanted = set(policy.specific.versions)
        warnings += [
            f"Version {number} of servable {model.name}, which was requested to be served as a 'specific' version "
            "in the servable's version policy, was not found in the file system"
            for number in sorted(wanted - set(folders))
        ]
    else:
        wanted = set(sorted(folders)[-max(policy.latest.num_versions, 1) :])
    versions = {number: folders[number] for number in sorted(wanted & set(folders))}
    if not versions:
        warnings.append(
            f"No versions of servable {model.name} found under base path {model.base_path}. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?"
        )
    return Found(versions, warnings)


def find_all(models: Mapping[str, ModelConfig]) -> dict[str, Found | ServingError]:
    """`find_versions` for each model; one model's error does not keep the others from being found."""
    found: dict[str, Found | ServingError] = {}
    for name, model in models.items():
        try:
            found[name] = find_versions(model)
        except ServingError as error:
            found[name] = error
    return found


def _version_folders(model: ModelConfig) -> tuple[dict[int, Path], list[str]]:
    if remote_files.is_remote(model.base_path):
        return _remote_versions(model), []
    try:
        with os.scandir(model.base_path) as entries:
            children = sorted((entry.name, _is_folder(entry)) for entry in entries)
    except FileNotFoundError:
        raise not_found(
            f"Could not find base path {model.base_path} for servable {model.name} "
            f"with error NOT_FOUND: {model.base_path} not found"
        ) from None
    except OSError as error:
        raise invalid_argument(
            f"Could not read base path {model.base_path} for servable {model.name}: {error.strerror}"
        ) from None
    folders: dict[int, Path] = {}
    warnings: list[str] = []
    for name, is_folder in children:
        number = int(name) if NUMBER.fullmatch(name) and len(name) < 100 else None
        if number is None or not is_folder or not -(2**63) <= number < 2**63:
            warnings.append(
                f"{model.base_path}/{name} is ignored: versions are folders whose names are integers"
            )
            continue
        if number in folders:
            warnings.append(
                f"Duplicate version directories detected. Version {number} will be loaded from {name}, "
                f"{folders[number].name} will be ignored."
            )
        folders[number] = Path(model.base_path, name)
    return folders, warnings


def _remote_versions(model: ModelConfig) -> dict[int, Path]:
    try:
        names = remote_models.versions(model.base_path)
    except UserError as error:
        raise invalid_argument(
            f"Could not read base path {model.base_path} for servable {model.name}: {error}"
        ) from None
    return {int(name): remote_models.place(model.base_path, name) for name in names}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder; a link that leads nowhere is none, and keeps no other from being found."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EACCES):
            return False
        raise


def base_path_error(error: ServingError) -> str:
    """The line for the log when `find_versions` raised."""
    return f"FileSystemStoragePathSource encountered a filesystem access error: {error.message}"
