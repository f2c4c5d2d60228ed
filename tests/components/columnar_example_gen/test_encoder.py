"""Serialized examples, byte for byte those of protobuf."""

from __future__ import annotations

import pyarrow as pa
from tensorflow.core.example import example_pb2

from components.columnar_example_gen import encoder

INTS = [0, 1, -1, 127, 128, 300, 2**31, -(2**63), 2**63 - 1, None]
FLOATS = [0.0, -0.0, 1.5, -2.25, 1e-30, 3.4e38, 0.1, None, 7.0, 8.0]
TEXTS = ["", "a", "é" * 70, "x" * 20_000, None, "line\nend", "☃", "0", "b", "c"]


def expected(columns: dict[str, list], row: int) -> bytes:
    example = example_pb2.Example()
    for name, values in columns.items():
        feature = example.features.feature[name]
        kind = next((type(value) for value in values if value is not None), None)
        target = {int: feature.int64_list, float: feature.float_list, str: feature.bytes_list}.get(kind)
        if target is None:
            continue
        target.SetInParent()
        if values[row] is not None:
            target.value.append(values[row].encode() if kind is str else values[row])
    return example.SerializeToString(deterministic=True)


def test_lists_of_texts() -> None:
    lists = [["a", "", "é" * 200], [], None, ["b"] * 300]
    column = pa.array(lists, pa.list_(pa.string()))

    def record(values: list[str] | None) -> bytes:
        example = example_pb2.Example()
        target = example.features.feature["tokens"].bytes_list
        target.SetInParent()
        target.value.extend(value.encode() for value in values or [])
        return example.SerializeToString(deterministic=True)

    assert encoder.encode(pa.table({"tokens": column})).to_pylist() == [record(values) for values in lists]
    assert encoder.encode(pa.table({"tokens": column.slice(1, 3)})).to_pylist() == list(
        map(record, lists[1:])
    )


def test_bytes_are_those_of_deterministic_protobuf() -> None:
    columns = {
        "zeta": INTS,
        "a": FLOATS,
        "Ω": TEXTS,
        "é": INTS,
        "B" * 200: TEXTS,
        "nothing": [None] * 10,
        "a10": FLOATS,
    }
    types = {int: pa.int64(), float: pa.float32(), str: pa.string()}
    table = pa.table(
        {
            name: pa.array(
                values, types.get(next((type(v) for v in values if v is not None), None), pa.null())
            )
            for name, values in columns.items()
        }
    )
    records = encoder.encode(table).to_pylist()
    assert records == [expected(columns, row) for row in range(10)]
    # A part of a chunked table has offsets of its own.
    pieces = pa.concat_tables([table.slice(0, 4), table.slice(4)])
    assert encoder.encode(pieces.slice(3, 5)).to_pylist() == records[3:8]
