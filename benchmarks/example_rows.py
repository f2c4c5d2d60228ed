"""The rows of an Examples artifact in plain Python, for baselines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from pipeline.home import Home


def folder_of(home: Home, pipeline: str) -> Path:
    """The examples of the only run of a pipeline."""
    (folder,) = (home.pipeline_root(pipeline) / "ExampleGen" / "examples").iterdir()
    return folder


def of_split(examples: Path, split: str) -> Iterator[dict[str, list[str]]]:
    """The values of each column as texts, row by row."""
    files = sorted(str(path) for path in (examples / f"Split-{split}").iterdir())
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        yield {name: _values(feature) for name, feature in features.items()}


def _values(feature: tf.train.Feature) -> list[str]:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    values = getattr(feature, kind).value
    return [value.decode() for value in values] if kind == "bytes_list" else [str(value) for value in values]
