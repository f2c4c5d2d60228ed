"""What a run works on: its data, schema and other files, found once and recorded, so that every node sees the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import BadInput
from components.columnar_example_gen.options import ReaderOptions
from components.image_example_gen.options import ImageOptions
from components.text_example_gen.options import TextOptions
from pipeline import beam_engine, serving_platform, sources, trainer_files
from pipeline.config import CATALOG
from pipeline.home import Home
from pipeline.sections import Config
from pipeline.trainer_files import TrainerFile

_READERS = {reader.__name__: reader for reader in (ReaderOptions, ImageOptions, TextOptions)}


@dataclass(frozen=True)
class Inputs:
    """The files that a configuration names, as they are now."""

    source: sources.Source
    schema: Path | None
    files: Mapping[str, TrainerFile]


@dataclass(frozen=True)
class Job:
    """A run: its configuration, its files, and the slices that its data allow."""

    config: Config
    home: Home
    run_id: str
    inputs: Inputs
    slices: Sequence[Sequence[str]]


def find(config: Config, home: Home) -> Inputs:
    """The files of a configuration.

    Raises:
      BadInput: something that it names is not there.
    """
    return Inputs(sources.find(config, home), _schema(config), trainer_files.find(config, home))


def prepare(config: Config, home: Home, run_id: str, inputs: Inputs) -> tuple[Job, list[str]]:
    """A job over files that were found, and lines on what is left out of it.

    Raises:
      BadInput: the configuration asks for what the data or this machine do not have.
      UserError: the engine of Beam does not answer.
    """
    columns = sources.columns(inputs.source)
    sources.check_thresholds(config, columns)
    sources.check_features(config, inputs.source, columns)
    serving_platform.check(config.serving_check)
    beam_engine.check(config.beam)
    slices, left_out = sources.slices(config, columns)
    return Job(config, home, run_id, inputs, slices), left_out


def dump(job: Job) -> str:
    """What a later node of the run needs to know of its files, as JSON; the list of the data's files is left out."""
    source = dataclasses.asdict(dataclasses.replace(job.inputs.source, files=[]))
    content = {
        "source": {**source, "reader": [type(job.inputs.source.reader).__name__, source["reader"]]},
        "slices": [list(columns) for columns in job.slices],
    }
    return json.dumps(content)


def restore(config: Config, home: Home, run_id: str, text: str) -> Job:
    """The job of a run as `dump` wrote it: the data may have changed, or be gone; other files are looked at anew.

    Raises:
      BadInput: the curated schema or a file that the trainer needs is gone.
    """
    content: dict[str, Any] = json.loads(text)
    reader, options = content["source"].pop("reader")
    source = sources.Source(reader=_READERS[reader](**options), **content["source"])
    inputs = Inputs(source, _schema(config), trainer_files.find(config, home))
    return Job(config, home, run_id, inputs, content["slices"])


def _schema(config: Config) -> Path | None:
    """The curated schema: relative paths are looked up from the current folder, then from the catalog's."""
    if config.schema_.curated is None:
        return None
    for folder in (Path.cwd(), CATALOG):
        path = folder / config.schema_.curated
        if path.is_file():
            return path
    raise BadInput(f"schema.curated: no such file: {config.schema_.curated}")
