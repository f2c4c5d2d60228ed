"""Files that the trainer section names, pretrained weights above all: found, or got where they are known by name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import BadInput
from data import registry
from pipeline import fingerprint, lock
from pipeline.config import REPOSITORY
from pipeline.home import Home
from pipeline.sections import Config, Trainer
from pipeline.wording import display, nearest

WEIGHTS = {one.name: one for one in registry.DATASETS if one.layout == "weights"}


@dataclass(frozen=True)
class TrainerFile:
    """A file or folder, and the SHA-256 (hex) of what is in it."""

    path: Path
    sha256: str


def find(config: Config, home: Home) -> dict[str, TrainerFile]:
    """The files of a configuration by their keys, such as model.transfer.weights.

    The keys are those that the module's configuration lists as FILES. A name that `mlpipe data list` shows is got
    first, below the home; a relative path is looked up from the current folder, then from the repository. A handle with
    :// is no file here.

    Raises:
      BadInput: there is no such file or name, or a package that holds it is missing.
    """
    found = {}
    for key, value in _named(config.trainer):
        if "://" not in value:
            path = _got(value, home) if value in WEIGHTS else _located(key, value)
            found[key] = TrainerFile(path, _of_content(path))
    return found


def placed(trainer: Trainer, files: Mapping[str, TrainerFile]) -> dict[str, Any]:
    """The sections that a trainer module gets, with the files' paths, and under `files` what is in them.

    Content that changed under the same path is another training.
    """
    sections = deepcopy({"model": trainer.model, "training": trainer.training})
    for key, file in files.items():
        *parents, last = key.split(".")
        section: Any = sections
        for name in parents:
            section = section[name]
        section[last] = str(file.path)
    return {**sections, "files": {key: file.sha256 for key, file in files.items()}}


def _named(trainer: Trainer) -> Iterator[tuple[str, str]]:
    """The keys that name a file, with what they name."""
    name = f"{trainer.module}_config"
    if importlib.util.find_spec(name) is None:
        return
    for key in getattr(importlib.import_module(name), "FILES", ()):
        value: Any = trainer.model_dump()
        for part in key.split("."):
            value = (value or {}).get(part)
        if value is not None:
            yield key, value


def _got(name: str, home: Home) -> Path:
    """Weights that are known by name, which are written below the home where they are not there yet."""
    folder = home.data / name
    with lock.writing_data(home, name):
        present = list(folder.glob("*.weights.h5"))
        if len(present) == 1:
            return present[0]
        print(f"writing {name} ({WEIGHTS[name].what}) to {display(folder)}", flush=True)
        return registry.write(WEIGHTS[name], folder)


def _located(key: str, value: str) -> Path:
    for path in (Path.cwd() / value, REPOSITORY / value):
        if path.exists():
            return path
    names = nearest(value, WEIGHTS) or f"; weights that are known by name: {', '.join(WEIGHTS)}"
    raise BadInput(f"trainer.{key}: no such file: {value}{names if value.isidentifier() else ''}")


def _of_content(path: Path) -> str:
    """SHA-256 over a file, or over the names and contents of all files of a folder."""
    if path.is_dir():
        inside = sorted(one for one in path.rglob("*") if one.is_file())
        listed = "".join(f"{one.relative_to(path)}\0{_of_content(one)}\0" for one in inside)
        return hashlib.sha256(listed.encode()).hexdigest()
    return fingerprint.of_file(path)
