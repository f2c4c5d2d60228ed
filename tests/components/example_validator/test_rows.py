"""The examples that an anomaly is about."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.example_validator import rows

_TYPES = {"color": pa.large_binary(), "size": pa.float32()}
SCHEMA = text_format.Parse(
    """
    feature { name: "color" type: BYTES domain: "colors" value_count { min: 1 max: 1 } }
    feature { name: "size" type: FLOAT float_domain { min: 0 max: 10 disallow_nan: true } }
    feature { name: "count" type: INT int_domain { min: 0 } }
    feature { name: "open" type: INT bool_domain {} }
    string_domain { name: "colors" value: "red" value: "blue" }
    """,
    schema_pb2.Schema(),
)


def anomalies(**reasons: str) -> anomalies_pb2.Anomalies:
    found = anomalies_pb2.Anomalies()
    for name, reason in reasons.items():
        info = found.anomaly_info[name]
        info.path.step.append(name)
        info.reason.add(type=anomalies_pb2.AnomalyInfo.Type.Value(reason))
    return found


def batch(**columns: list[Any]) -> pa.RecordBatch:
    """As tf.Examples are decoded: large lists, without their types where no example has a value."""
    return pa.RecordBatch.from_pydict(
        {
            name: pa.array(values, pa.large_list(_TYPES[name])) if name in _TYPES else pa.array(values)
            for name, values in columns.items()
        }
    )


def test_values_out_of_a_domain_are_shown_with_the_rest_of_their_example() -> None:
    data = batch(color=[[b"red"], [b"green"], [], [b"blue"]], size=[[1.1], [2.2], [3.3], [4.4]])
    found = rows.offending([data], SCHEMA, anomalies(color="ENUM_TYPE_UNEXPECTED_STRING_VALUES"))
    assert found == {
        "color": {"examined": 4, "rows": [{"position": 1, "values": {"color": "green", "size": 2.2}}]}
    }


@pytest.mark.parametrize(
    ("reason", "column", "values", "broken"),
    [
        ("FLOAT_TYPE_BIG_FLOAT", "size", [[1.0], [11.0], [5.0]], [1]),
        ("FLOAT_TYPE_SMALL_FLOAT", "size", [[-1.0], [1.0], [5.0]], [0]),
        ("FLOAT_TYPE_HAS_NAN", "size", [[1.0], [], [float("nan")]], [2]),
        ("INT_TYPE_SMALL_INT", "count", [[1], [2], [-3]], [2]),
        ("BOOL_TYPE_BIG_INT", "open", [[1], [0], [7]], [2]),
        ("INT_TYPE_INT_EXPECTED", "count", [[b"a"], [], [b"b"]], [0, 2]),
        ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "color", [[b"red"], [], None], [1, 2]),
        ("FEATURE_TYPE_HIGH_NUMBER_VALUES", "color", [[b"red"], [b"red", b"blue"], [b"red"]], [1]),
        ("SCHEMA_NEW_COLUMN", "wings", [[], [2], []], [1]),
        ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "color", [[b"green"], [], []], []),
    ],
)
def test_each_rule_finds_the_examples_that_break_it(
    reason: str, column: str, values: list[Any], broken: list[int]
) -> None:
    found = rows.offending([batch(**{column: values})], SCHEMA, anomalies(**{column: reason}))
    assert [row["position"] for row in found.get(column, {"rows": []})["rows"]] == broken


def test_no_more_rows_are_kept_and_no_more_examples_read_than_needed() -> None:
    read = []

    def batches() -> Any:
        for start in range(100):
            read.append(start)
            yield batch(color=[[b"green"], [b"red"], [b"pink"]])

    found = rows.offending(batches(), SCHEMA, anomalies(color="ENUM_TYPE_UNEXPECTED_STRING_VALUES"))
    assert [row["position"] for row in found["color"]["rows"]] == [0, 2, 3, 5, 6]
    assert read == [0, 1, 2]
    assert found["color"]["examined"] == 9


def test_a_column_that_all_examples_lack_has_no_rows() -> None:
    data = batch(size=[[1.0]])
    assert rows.offending([data], SCHEMA, anomalies(color="SCHEMA_MISSING_COLUMN")) == {}


def test_what_is_kept_is_json_and_short() -> None:
    data = batch(color=[["x" * 5000], [b"\xff\xfe"]], size=[[float("inf")], [0.1]])
    found = rows.offending([data], SCHEMA, anomalies(color="ENUM_TYPE_UNEXPECTED_STRING_VALUES"))
    first, second = (row["values"] for row in json.loads(json.dumps(found, allow_nan=False))["color"]["rows"])
    assert first == {"color": f"{'x' * 200}...", "size": "inf"}
    assert second == {"color": "2 bytes", "size": 0.1}
