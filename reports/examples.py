"""The first examples of a split as plain values, read without TensorFlow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from reports import tfrecord

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "reports.examples"

Example = dict[str, list[Any]]
"""Feature -> its values: bytes, floats or ints; none where the example lacks the feature."""


def read(folder: Path, split: str) -> Iterator[Example]:
    """The examples of a split of an Examples artifact in the order of its files; reads no more than is asked for.

    Files are gzip TFRecord, as ExampleGen and Transform write them; a damaged file ends where it is damaged.
    """
    for path in sorted((folder / f"Split-{split}").glob("*.gz")):
        try:
            for record in tfrecord.records(path):
                yield parse(record)
        except (*tfrecord.DAMAGED, DecodeError):
            continue


def parse(record: bytes) -> Example:
    """The features of a serialized tf.Example."""
    found: Example = {}
    for name, feature in message_type().FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else []
    return found


@functools.cache
def message_type() -> Any:
    """The message tf.Example, described anew: TensorFlow's own class comes with all of TensorFlow.

    https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto
    """
    file = descriptor_pb2.FileDescriptorProto(name="reports/example.proto", package=_PACKAGE, syntax="proto3")
    lists = {"BytesList": _Field.TYPE_BYTES, "FloatList": _Field.TYPE_FLOAT, "Int64List": _Field.TYPE_INT64}
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(lists.items(), start=1):
        values = file.message_type.add(name=name)
        values.field.add(name="value", number=1, type=kind, label=_Field.LABEL_REPEATED)
        field = _message_field(name.removesuffix("List").lower() + "_list", number, name)
        field.oneof_index = 0
        feature.field.append(field)
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    entry.field.append(_message_field("value", 2, "Feature"))
    repeated = _message_field("feature", 1, "Features.FeatureEntry")
    repeated.label = _Field.LABEL_REPEATED
    features.field.append(repeated)
    file.message_type.add(name="Example").field.append(_message_field("features", 1, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


def _message_field(name: str, number: int, kind: str) -> Any:
    return _Field(
        name=name,
        number=number,
        type=_Field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.{kind}",
        label=_Field.LABEL_OPTIONAL,
    )
