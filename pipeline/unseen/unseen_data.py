"""The data that a model has not seen: read as the pipeline reads its own, with the types that the model knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from common import remote_files
from common.errors import BadInput
from components.columnar_example_gen.options import ReaderOptions
from components.image_example_gen.options import FEATURES, ImageOptions
from components.text_example_gen.options import TextOptions
from pipeline import copies, sources
from pipeline.home import Home
from pipeline.sections import Config, Data
from pipeline.sources import Source
from pipeline.unseen.subject import Subject
from pipeline.wording import display, nearest

SPLIT = "eval"
_TYPES = {schema_pb2.FLOAT: "float", schema_pb2.INT: "int", schema_pb2.BYTES: "text"}
_CLASSES = ("binary", "multiclass")


def find(config: Config, home: Home, subject: Subject, path: str | None, span: int | None) -> Source:
    """The files at a path, or those of one span of the pipeline's own data; readers know the model's types.

    Raises:
      BadInput: no file, no rows' header, or a column is missing that the model was trained with.
    """
    source = sources.find(_with_data(config, path, span), home)
    schema = read_schema(copies.of(config, home).fetch(subject.schema.uri))
    reader = source.reader
    if isinstance(reader, ReaderOptions):
        # Which label is missing is told here, with what it is for.
        source = dataclasses.replace(source, reader=dataclasses.replace(reader, labels=()))
    available = sources.columns(source)
    where = display(Path(source.path))
    _check_columns(where, available, schema, config.labels)
    types = _types(schema, available, reader)
    task = "" if config.task in _CLASSES else config.task
    # Checks of a training set do not hold here: one class alone can be evaluated, if not trained on.
    changes: dict[str, Any] = {"types": {**types, **reader.types}, "task": task}
    if isinstance(reader, TextOptions):
        changes["max_oov"] = None
    return dataclasses.replace(source, reader=dataclasses.replace(reader, **changes))


def read_schema(folder: Path) -> schema_pb2.Schema:
    """The schema of a Schema artifact, from its folder."""
    text = Path(folder, "schema.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, schema_pb2.Schema())


def seen_in_training(source: Source, files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the files whose content the model was trained on."""
    known = {row.get("sha256") for row in files}
    return [row["file"] for row in source.files if row["sha256"] in known]


def named(source: Source) -> str:
    """What the data is called: its file, or the first of its files and how many more."""
    others = 0 if sources.is_whole(source.reader) else len(source.files) - 1
    more = f" and {others} more" if others else ""
    return f"{display(Path(source.path))}{more}"


def _with_data(config: Config, path: str | None, span: int | None) -> Config:
    data = config.data.model_dump()
    if path is not None:
        # From the current folder alone: what is named on the command line is not looked up in the repository.
        named = path if remote_files.is_remote(path) else str(Path(path).expanduser().absolute())
        data.update(path=named, loader=None, loader_args={}, span=None, spans=1)
    else:
        data.update(span=span, spans=1)
    return config.model_copy(update={"data": Data.model_validate(data)})


def _check_columns(
    where: str, available: Sequence[str], schema: schema_pb2.Schema, labels: Sequence[str]
) -> None:
    for label in labels:
        if label not in available:
            raise BadInput(
                f"{where}: no column {label!r}, the label: metrics need it to compare predictions with"
                f"{nearest(label, available) or '; add it'}"
            )
    for feature in schema.feature:
        derived = feature.HasField("validation_derived_source")
        wanted = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
        if wanted and not derived and feature.name not in available:
            raise BadInput(
                f"{where}: no column {feature.name!r}, which the model was trained with"
                f"{nearest(feature.name, available) or '; it has ' + ', '.join(available)}"
            )


def _types(
    schema: schema_pb2.Schema, available: Sequence[str], reader: ReaderOptions | ImageOptions | TextOptions
) -> dict[str, str]:
    """Column -> type, so that numbers which happen to be whole, or missing, are read as in training."""
    left_out: set[str] = set()
    if isinstance(reader, ImageOptions):
        if reader.images != "csv":
            return {}
        left_out = {*FEATURES, *reader.labels}
    elif isinstance(reader, TextOptions):
        if reader.text != "table":
            return {}
        left_out = set(reader.texts)
    return {
        feature.name: _TYPES[feature.type]
        for feature in schema.feature
        if feature.type in _TYPES and feature.name in available and feature.name not in left_out
    }
