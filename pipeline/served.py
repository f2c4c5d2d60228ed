"""Which pipelines have pushed models, and where the versions lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import remote_files
from common.errors import BadInput
from pipeline import config, metadata, pushes
from pipeline.home import Home
from pipeline.wording import display, nearest
from serving import remote_models


@dataclass(frozen=True)
class Served:
    """A pipeline's folder of versions, or its URI, and the version numbers in it, ascending (at least one)."""

    name: str
    folder: Path | str
    versions: tuple[int, ...]

    @property
    def latest(self) -> Path | str:
        return self._folder_of(self.versions[-1])

    def version(self, number: int | None) -> Path | str:
        """The folder of a version, by default of the latest. Raises BadInput when it is not there (any more)."""
        if number is not None and number not in self.versions:
            raise BadInput(
                f"{self.name} has no version {number} in {display(self.folder)}; there is"
                f" {pushes.spans(self.versions)}"
            )
        return self.latest if number is None else self._folder_of(number)

    def _folder_of(self, number: int) -> Path | str:
        if isinstance(self.folder, Path):
            return self.folder / str(number)
        return remote_files.join(self.folder, str(number))


def find(home: Home, pipelines: Sequence[str] = ()) -> list[Served]:
    """The named pipelines, or all of this home, that have a pushed model; in alphabetical order when none is named.

    A pipeline is named as for `mlpipe run`: by its name or its YAML file.
    Raises BadInput for one that has pushed nothing, with the command that mends it, and when none has.
    """
    pushed = _pushed(home)
    if not pipelines:
        if not pushed:
            raise BadInput(
                f"nothing was pushed in {display(home.root)} yet: first run a pipeline: mlpipe run P"
            )
        return list(pushed.values())
    found: dict[str, Served] = {}
    for pipeline in pipelines:
        name = name_of(pipeline)
        if name not in pushed:
            raise _not_pushed(home, pipeline, list(pushed))
        found[name] = pushed[name]
    return list(found.values())


def name_of(pipeline: str) -> str:
    """The name of a pipeline that is given by its name or its YAML file."""
    return Path(pipeline).stem if config.is_file(pipeline) else pipeline


def data_section(home: Home, pipeline: str) -> dict[str, Any]:
    """The data section of the configuration: as the last run recorded it, else the catalog's, else empty."""
    name = name_of(pipeline)
    try:
        runs = metadata.run_contexts(metadata.open_store(home), name)
    except metadata.NoRuns:
        runs = []
    recorded = [metadata.properties(run).get("mlpipe_config") for run in runs]
    for text in reversed(recorded):
        if text:
            return dict(json.loads(text)["data"])
    if config.is_file(pipeline) or pipeline in config.names():
        return dict(config.load(pipeline).dump()["data"])
    return {}


def _pushed(home: Home) -> dict[str, Served]:
    """Pipelines that have a version on disk, by name."""
    folders: dict[str, Path | str] = {folder.name: folder for folder in _subfolders(home.root / "serving")}
    folders.update(_recorded(home))
    found = {name: Served(name, folders[name], _versions(folders[name])) for name in sorted(folders)}
    return {name: served for name, served in found.items() if served.versions}


def _recorded(home: Home) -> dict[str, Path | str]:
    """Where pipelines pushed last, which `push.directory` may have moved away from the home folder."""
    try:
        store = metadata.open_store(home)
    except metadata.NoRuns:
        return {}
    found: dict[str, Path | str] = {}
    for name in metadata.pipelines(store):
        pushed = pushes.pushed_models(store, name)
        if pushed:
            last = max(pushed.values(), key=lambda push: push.id)
            folder = pushes.destination(last).rpartition("/")[0]
            found[name] = folder if remote_files.is_remote(folder) else Path(folder)
    return {name: folder for name, folder in found.items() if _versions(folder)}


def _subfolders(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []


def _versions(folder: Path | str) -> tuple[int, ...]:
    if not isinstance(folder, Path):
        return tuple(sorted(map(int, remote_models.versions(folder))))
    models = ("saved_model.pb", "saved_model.pbtxt", "model.tflite")
    versions = [
        int(entry.name)
        for entry in _subfolders(folder)
        if entry.name.isdecimal() and any((entry / model).is_file() for model in models)
    ]
    return tuple(sorted(versions))


def _not_pushed(home: Home, pipeline: str, pushed: Sequence[str]) -> BadInput:
    name = name_of(pipeline)
    if config.is_file(pipeline) or pipeline in config.names():
        return BadInput(f"{name} has pushed no model yet: first mlpipe run {pipeline}")
    known = {*pushed, *config.names()}
    there = f"; pushed in {display(home.root)}: {', '.join(pushed) or 'nothing'}"
    return BadInput(f"no pushed model of a pipeline {name!r}{nearest(name, known) or there}")
