"""Real examples to ask the model about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components import batches


@dataclass(frozen=True)
class Rows:
    """Examples as they are stored, their values by feature, and all columns that an example may have."""

    serialized: Sequence[bytes]
    values: Sequence[dict[str, list[Any]]]
    columns: Collection[str]

    def __len__(self) -> int:
        return len(self.serialized)


def of_examples(serialized: Sequence[bytes], columns: Collection[str] = ()) -> Rows:
    """Rows of serialized tf.Examples; `columns` adds those that none of them has a value in."""
    values = [values_of(example) for example in serialized]
    return Rows(serialized, values, {*columns, *(name for row in values for name in row)})


def read(artifact: types.Artifact, split: str, count: int, columns: Collection[str] = ()) -> Rows:
    """The first `count` examples of a split, or as many as there are."""
    return of_examples(list(islice(_stored(artifact, split), count)), columns)


def columns_of(input_dict: Mapping[str, list[types.Artifact]]) -> list[str]:
    """Names of the features of a component's input `schema`; none without one."""
    if not input_dict.get("schema"):
        return []
    folder = artifact_utils.get_single_uri(input_dict["schema"])
    schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
    return [feature.name for feature in schema.feature]


def _stored(artifact: types.Artifact, split: str) -> Iterator[bytes]:
    compression = "GZIP" if examples_utils.get_file_format(artifact) == "tfrecords_gzip" else ""
    for path in batches.files(artifact, split):
        yield from tf.data.TFRecordDataset(path, compression).as_numpy_iterator()


def values_of(serialized: bytes) -> dict[str, list[Any]]:
    """Feature -> its values in a tf.Example; a feature without a value is left out."""
    found = {}
    for name, feature in tf.train.Example.FromString(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if values:
            found[name] = values
    return found
