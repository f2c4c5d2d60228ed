"""From the data section of a configuration to files that are there, with their fingerprints."""

from __future__ import annotations

import importlib
import inspect
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import remote_files
from common.errors import BadInput
from components.columnar_example_gen import fingerprint as file_fingerprint
from components.columnar_example_gen import inputs
from components.columnar_example_gen.options import ReaderOptions
from components.image_example_gen import fingerprint as image_fingerprint
from components.image_example_gen.options import FEATURES, SINGULAR, ImageOptions
from components.text_example_gen import files as text_files
from components.text_example_gen.options import CHARACTERS, WORDS, TextOptions
from pipeline import fingerprint, lock, remote_data
from pipeline.config import REPOSITORY
from pipeline.home import Home
from pipeline.sections import Config, Data
from pipeline.wording import nearest

SPLIT = "all"


@dataclass(frozen=True)
class Source:
    """Input files: `pattern` below `base`, how to read them, and their fingerprints (split, file, bytes, sha256).

    Files are named from `base`; those of images, and of texts in folders, from the folder that they lie in.
    """

    base: str
    pattern: str
    reader: ReaderOptions | ImageOptions | TextOptions
    files: list[dict[str, Any]]
    # The last span that is read (none: the latest there is), and how many up to it.
    span: int | None = None
    spans: int = 1

    @property
    def path(self) -> str:
        """The first of the files; of images their folder or the CSV that lists them, of texts in folders theirs."""
        if is_whole(self.reader):
            return inputs.whole(self.base, self.pattern, self.span)[0]
        return os.path.join(self.base, self.files[0]["file"])


def is_whole(reader: ReaderOptions | ImageOptions | TextOptions) -> bool:
    """Whether the data are one folder, or one list of images, instead of files that are read together."""
    return isinstance(reader, ImageOptions) or (isinstance(reader, TextOptions) and reader.text == "folders")


def find(config: Config, home: Home) -> Source:
    """The files of a configuration; a loader writes them first where they are not there yet.

    Raises:
      BadInput: nothing matches the path, or the loader does not exist or cannot get the data.
    """
    cache = home.root / "fingerprints.json"
    if config.data.images:
        return _find_images(config, home, cache)
    if config.data.text:
        return _find_texts(config, home, cache)
    reader = ReaderOptions(
        delimiter=config.data.delimiter,
        missing_values=config.data.missing_values,
        types=config.data.types,
        drop=config.data.drop,
        labels=config.labels,
        task=config.task,
    )
    base, pattern = inputs.locate(paths(config, home))
    span, spans = config.data.span, config.data.spans
    files = file_fingerprint.files(base, {SPLIT: pattern}, span, spans, cache)
    return Source(base, pattern, reader, files, span, spans)


def _find_images(config: Config, home: Home, cache: Path) -> Source:
    assert config.data.images is not None
    reader = ImageOptions(
        images=config.data.images,
        labels=config.labels,
        task=config.task,
        on_error=config.data.on_error,
        max_errors=config.data.max_errors,
        max_pixels=config.data.max_pixels,
        path_column=config.data.path_column,
        delimiter=config.data.delimiter,
        missing_values=config.data.missing_values,
        types=config.data.types,
        drop=config.data.drop,
    )
    base, pattern = inputs.locate(paths(config, home))
    span = config.data.span
    path, *_ = inputs.whole(base, pattern, span)
    return Source(base, pattern, reader, image_fingerprint.files(path, reader, cache), span)


def _find_texts(config: Config, home: Home, cache: Path) -> Source:
    data = config.data
    assert data.text is not None
    reader = TextOptions(
        text=data.text,
        columns=data.text_columns,
        labels=config.labels,
        task=config.task,
        group=data.group,
        duplicates=data.duplicates,
        window=data.window,
        max_chars=data.max_chars,
        on_long=data.on_long,
        empty=data.empty,
        max_oov=data.max_oov,
        delimiter=data.delimiter,
        missing_values=data.missing_values,
        types=data.types,
        drop=data.drop,
    )
    base, pattern = inputs.locate(paths(config, home))
    resolved = text_files.resolve(base, pattern, reader, data.span, data.spans)
    files = text_files.describe(base, resolved, reader, cache)
    return Source(base, pattern, reader, files, data.span, data.spans)


def columns(source: Source) -> list[str]:
    """Names of the columns that the examples get.

    Raises:
      BadInput: no header, or one without a label column; a wrong delimiter is guessed.
    """
    from components.columnar_example_gen import formats, names

    if isinstance(source.reader, ImageOptions):
        return _image_columns(source.path, source.reader)
    if isinstance(source.reader, TextOptions):
        return _text_columns(source, source.reader)
    header = formats.reader(source.path).columns(source.path, source.reader)
    for label in source.reader.labels:
        if label not in header:
            raise names.unknown_column(source.path, header, "the label", label, source.reader.delimiter)
    return [name for name in header if name not in source.reader.drop]


def _image_columns(path: str, reader: ImageOptions) -> list[str]:
    from components.columnar_example_gen import csv_reader

    listed = reader.labels
    if reader.images == "csv":
        header = csv_reader.columns(path, ReaderOptions(delimiter=reader.delimiter))
        listed = [name for name in header if name not in {*reader.drop, reader.path_column}]
    return [*FEATURES, *listed]


def _text_columns(source: Source, reader: TextOptions) -> list[str]:
    from components.text_example_gen import table

    if text_files.is_table(source.pattern, reader):
        return table.columns(source.path, reader)
    text_files.check_group(reader)
    return list(reader.features)


def check_thresholds(config: Config, available: list[str]) -> None:
    """Raises BadInput for a drift or skew threshold on a column that the data does not have, or a text's length."""
    if config.data.text:
        available = [*available, *(f"{name}{length}" for name in available for length in (CHARACTERS, WORDS))]
    for section in ("drift", "skew"):
        for column in getattr(config.schema_, section):
            if column not in available:
                raise BadInput(
                    f"schema.{section}: the data has no column {column!r}{nearest(column, available)}"
                )


def check_features(config: Config, source: Source, available: list[str]) -> None:
    """Raises BadInput for a feature of the tabular trainer that the data does not have, before anything is run."""
    from components.columnar_example_gen import names

    if config.trainer.module != "trainer_modules.tabular" or not isinstance(source.reader, ReaderOptions):
        return
    path = str(Path(source.base, source.files[0]["file"]))
    for kind in ("numeric", "categorical", "bucketed", "exclude"):
        for column in config.trainer.features.get(kind) or ():
            if column in config.data.drop:
                raise BadInput(
                    f"trainer.features.{kind}: {column!r} stands under data.drop; take it out of one of them"
                )
            if column not in available:
                where = f"trainer.features.{kind}"
                raise names.unknown_column(path, available, where, column, config.data.delimiter)


def slices(config: Config, available: list[str]) -> tuple[list[list[str]], list[str]]:
    """The slices that the data allows, and a line for each that is left out by `if_missing: skip`.

    Raises:
      BadInput: a slice by a column that the data does not have.
    """
    sliceable = [name for name in available if not (config.data.images and name in SINGULAR)]
    kept: list[list[str]] = []
    left_out: list[str] = []
    for piece in config.evaluation.slices:
        missing = [column for column in piece.columns if column not in sliceable]
        if not missing:
            kept.append(list(piece.columns))
        elif piece.if_missing == "skip":
            left_out.append(f"slice {', '.join(piece.columns)} left out: the data has no column {missing[0]}")
        else:
            raise BadInput(
                f"evaluation.slices: the data has no column {missing[0]!r}{nearest(missing[0], sliceable) or '; it has ' + ', '.join(sliceable)}"
                " (if_missing: skip leaves such a slice out)"
            )
    return kept, left_out


def paths(config: Config, home: Home) -> list[str]:
    """The paths of this machine that the data section stands for; what a loader wrote, and copies of what is in a store."""
    if not config.data.path:
        return [str(_load(config, home))]
    return [
        remote_data.fetch(home, path, config.data) if remote_files.is_remote(path) else path
        for path in named(config.data)
    ]


def named(data: Data) -> list[str]:
    """What the data section names: URIs, and paths, absolute or from the current folder."""
    return [
        path if remote_files.is_remote(path) else _from_here_or_repository(Path(path)) for path in data.paths
    ]


def _from_here_or_repository(path: Path) -> str:
    if path.is_absolute() or Path.cwd() == REPOSITORY:
        return str(path)
    here = Path.cwd() / path
    return str(here if here.exists() or not (REPOSITORY / path).exists() else REPOSITORY / path)


def _load(config: Config, home: Home) -> Path:
    """What the loader wrote, below a folder named after its code and arguments, so that a change writes anew.

    The folder appears by one rename: what a loader that was killed has left does not count. Of several runs that need it
    at once, one writes it.
    """
    module, _, function = (config.data.loader or "").partition(":")
    try:
        load = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError):
        raise BadInput(f"data.loader: no {config.data.loader!r}; write it as module:function") from None
    arguments = config.data.loader_args
    try:
        inspect.signature(load).bind(Path(), **arguments)
    except TypeError as error:
        raise BadInput(f"data.loader_args: {config.data.loader}: {error}") from None
    key = fingerprint.of_values(fingerprint.of_module(module), function, arguments)[:12]
    folder = home.data / f"{module}-{key}"
    present = _loaded(config.data, folder)
    if present is not None:
        return present
    with lock.writing_data(home, folder.name):
        present = _loaded(config.data, folder)
        if present is not None:
            return present
        staged = folder.with_name(f".{folder.name}")
        for leftover in (staged, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        written = load(staged, **arguments)
        staged.rename(folder)
    return folder / written.relative_to(staged)


def _loaded(data: Data, folder: Path) -> Path | None:
    """What a loader has written to its folder already: the folder itself, or the only data file in it."""
    if data.images in ("folders", "idx") or data.text == "folders":
        return folder if folder.exists() else None
    suffixes = "" if data.text else inputs.SUFFIXES
    files = [path for path in folder.glob("[!.]*") if path.name.endswith(suffixes)]
    return files[0] if len(files) == 1 else None
