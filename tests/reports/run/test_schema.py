"""The section on schema and Transform against the artifacts that it is made of."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from reports import run_report
from reports.run import schema, schema_table, transform_facts
from reports.run_facts import Missing, RunFacts
from tests.reports.run.artifacts import EVIL, put, statistics, write_statistics

SCHEMA = """
feature { name: "size" type: FLOAT presence { min_fraction: 1.0 } float_domain { min: 0 max: 10 }
  drift_comparator { jensen_shannon_divergence { threshold: 0.1 } } }
feature { name: "count" type: INT presence { min_fraction: 0.9 } int_domain { min: 1 } value_count { min: 1 max: 1 } }
feature { name: "color" type: BYTES domain: "colors" presence { min_count: 1 } value_count { min: 1 } }
feature { name: "open" type: INT bool_domain {} presence { min_fraction: 1.0 } shape {} }
feature { name: "pixels" type: FLOAT presence { min_fraction: 1.0 } shape { dim { size: 3 } dim { size: 4 } } }
feature { name: "image" type: BYTES image_domain {} }
feature { name: "old" type: INT lifecycle_stage: DEPRECATED }
string_domain { name: "colors" value: "red" value: "blue" }
"""
TRANSFORMED = """
feature { name: "size_xf" type: FLOAT shape {} }
feature { name: "size_xf_missing" type: FLOAT shape {} }
feature { name: "color_xf" type: INT shape {} }
"""


@pytest.fixture
def filled(facts: RunFacts) -> RunFacts:
    """The run with a schema and a transform graph of its own."""
    put(facts.folder("SchemaGen", "schema") / "schema.pbtxt", SCHEMA)
    raw = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(raw)
    write_statistics(raw, train={"size": [1.0, 3.0, None], "color": ["red", "red", "blue"]})
    graph = facts.folder("Transform", "transform_graph")
    put(graph / "transformed_metadata" / "schema.pbtxt", TRANSFORMED)
    put(
        graph / "observed" / "FeatureStats.pb",
        statistics(
            {"size_xf": [-1.0, 1.0, 0.0], "size_xf_missing": [0.0, 0.0, 1.0], "color_xf": [1, 1, 2]}
        ).SerializeToString(),
    )
    maps: dict[str, Any] = {
        "size_xf": {"kind": "scaled", "mean": 2.0, "deviation": 0.5},
        "color_xf": {"kind": "values", "values": [["red", 1, 2], ["blue", 2, 1]], "others": 3},
    }
    put(graph / "observed" / "maps.json", json.dumps(maps))
    put(graph / "transform_fn" / "assets" / "colors", "red\nblue\n")
    counted = {"colors": {"size": 2, "total": 3.0, "tokens": [["red", 2.0], ["blue", 1.0]]}}
    put(graph / "observed" / "vocabularies.json", json.dumps(counted))
    return facts


def test_rules_of_the_schema_in_words() -> None:
    rows = schema_table.rows(text_format.Parse(SCHEMA, schema_pb2.Schema()))
    assert [(row.name, row.kind, row.presence, row.values, row.domain) for row in rows] == [
        ("size", "float", "in every example", "may be missing", "0 to 10.00"),
        ("count", "int", "in at least 90.0 %", "one value", "at least 1"),
        ("color", "text", "may be absent", "1 or more values", "2 values"),
        ("open", "int", "in every example", "one value", "true or false"),
        ("pixels", "float", "in every example", "[3, 4]", ""),
        ("image", "text", "may be absent", "may be missing", "an image"),
    ]
    assert rows[0].comparators == ["drift at most 0.1000"]
    assert (rows[2].allowed, rows[2].more) == (["red", "blue"], 0)


def test_features_stand_before_and_after(filled: RunFacts) -> None:
    content = schema.read(filled)
    assert content.notes == []
    assert content.examples == 3
    size, color = content.changes
    assert (size.name, size.source, size.told) == (
        "size_xf",
        "size",
        "minus the mean 2.000, divided by 0.5000",
    )
    assert size.indicator.startswith("beside it size_xf_missing: ")
    assert size.before is not None
    assert size.after is not None
    assert (size.before.axis, size.after.axis) == (("1.000", "3.000"), ("-1.000", "1.000"))
    assert dict(size.after.figures)["mean"] == ["0"]
    assert (color.told, color.more) == ("an index for each value", 3)
    assert color.pieces == [("red", "1", 2), ("blue", "2", 1)]
    html = schema.section(filled).html
    assert html.count("<svg") == 3
    assert "2 of 5 values and what they became" in html


def test_buckets_are_told_by_their_ends() -> None:
    buckets = [{"index": i, "low": i, "high": i + 0.5, "examples": 10 + i} for i in range(20)]
    told, pieces, more = schema._told({"kind": "buckets", "buckets": buckets})
    assert (told, len(pieces), more) == ("20 buckets", 12, 8)
    assert pieces[1] == ("1 to 1.500", "1", 11)


def test_vocabularies_have_the_counts_of_transform(filled: RunFacts) -> None:
    (found,) = schema.read(filled).vocabularies
    assert (found.name, found.size, found.tokens) == ("colors", 2, [("red", 2.0), ("blue", 1.0)])


def test_vocabularies_of_older_runs_are_read_from_their_files(tmp_path: Path) -> None:
    assets = tmp_path / "transform_fn" / "assets"
    put(assets / "plain", "".join(f"word{i}\n" for i in range(100)))
    put(assets / "counted", "5 the\n3 a b\n")
    records = [b"x", "ü".encode()]
    packed = b"".join(struct.pack("<QI", len(one), 0) + one + bytes(4) for one in records)
    put(assets / "packed.tfrecord.gz", gzip.compress(packed))
    put(assets / "damaged.tfrecord.gz", b"no gzip")
    found = {one.name: one for one in transform_facts.read(tmp_path).vocabularies}
    assert set(found) == {"plain", "counted", "packed"}
    assert (found["plain"].size, len(found["plain"].tokens)) == (100, transform_facts.MOST_TOKENS)
    assert found["plain"].tokens[99 - 60] == ("word39", None)
    assert found["counted"].tokens == [("the", 5.0), ("a b", 3.0)]
    assert found["packed"].tokens == [("x", None), ("ü", None)]


def test_names_and_values_stay_text(facts: RunFacts) -> None:
    rules = schema_pb2.Schema()
    feature = rules.feature.add(name=EVIL, type=schema_pb2.BYTES)
    feature.string_domain.value.append(EVIL)
    put(
        facts.folder("SchemaGen", "schema") / "schema.pbtxt",
        text_format.MessageToString(rules, as_utf8=True),
    )
    graph = facts.folder("Transform", "transform_graph")
    made = schema_pb2.Schema()
    made.feature.add(name=f"{EVIL}_xf", type=schema_pb2.INT)
    put(graph / "transformed_metadata" / "schema.pbtxt", text_format.MessageToString(made))
    raw = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(raw)
    write_statistics(raw, train={EVIL: [EVIL]})
    put(graph / "observed" / "FeatureStats.pb", statistics({f"{EVIL}_xf": [1, 2]}).SerializeToString())
    maps = {f"{EVIL}_xf": {"kind": "values", "values": [[EVIL, 1, 2]], "others": 0}}
    put(graph / "observed" / "maps.json", json.dumps(maps))
    put(graph / "transform_fn" / "assets" / EVIL.replace("/", ""), f"{EVIL}\n")
    html = run_report.html(facts)
    assert html.count("alert(1)") > 5
    assert "<script" not in html
    assert "<img" not in html


def test_an_older_run_has_no_statistics_after_transform(filled: RunFacts) -> None:
    shutil.rmtree(filled.folder("Transform", "transform_graph") / "observed")
    content = schema.read(filled)
    assert [change.after for change in content.changes] == [None, None]
    assert [one.size for one in content.vocabularies] == [2]
    assert "Transformed features have no statistics" in schema.section(filled).html


def test_what_is_gone_is_said_and_the_rest_is_shown(filled: RunFacts) -> None:
    shutil.rmtree(filled.folder("Transform", "transform_graph"))
    html = schema.section(filled).html
    assert "The transform graph of Transform (artifact " in html
    assert "0 to 10.00" in html
    shutil.rmtree(filled.folder("SchemaGen", "schema"))
    with pytest.raises(Missing, match=r"schema of SchemaGen .* is gone"):
        schema.section(filled)
