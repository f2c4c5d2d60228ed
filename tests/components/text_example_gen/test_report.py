"""The figures beside the examples, the gate on them, and what StatisticsGen makes of the texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tensorflow_transform.tf_metadata import schema_utils

from components.statistics_gen.statistics import statistics_of
from components.text_example_gen import report, spill
from components.text_example_gen.words import measure, words
from tests.components.text_example_gen.running import figures, records, run
from tests.components.text_example_gen.test_formats import sentence


def test_words() -> None:
    assert words("Don't stop, café-BAR 42!  ") == ["don't", "stop", "café", "bar", "42"]
    assert words("東京に abc東") == ["東", "京", "に", "abc", "東"]
    assert words(["Ann", "-", "B"]) == ["ann", "-", "b"]
    assert words(" ...") == []


def test_a_report_is_read_as_it_is_written_whatever_the_locale(tmp_path: Path) -> None:
    (tmp_path / report.REPORT).write_text('{"first": "café"}', encoding="utf-8")
    code = "import sys; from pathlib import Path; from components.text_example_gen import report\n"
    code += "print(ascii(report.read(Path(sys.argv[1]))))"
    foreign = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    found = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=foreign, capture_output=True, text=True, check=False
    )
    assert found.stdout == "{'first': 'caf\\xe9'}\n", found.stderr


def test_measures() -> None:
    found = measure(["a b a", "", "c é a"])
    assert found.characters.tolist() == [5, 0, 5]
    assert found.words.tolist() == [3, 0, 3]
    rows = {(row["kind"], row["item"]): (row["count"], row["first"]) for row in found.vocabulary.to_pylist()}
    assert rows == {
        (0, "a"): (3, 0),
        (0, "b"): (1, 0),
        (0, "c"): (1, 2),
        (0, "é"): (1, 2),
        (1, "a"): (3, 0),
        (1, "b"): (1, 0),
        (1, "c"): (1, 0),
        (1, "é"): (1, 0),
        (1, " "): (4, 0),
    }


@pytest.mark.parametrize("bucket", [500, 1 << 20])
def test_figures_are_those_of_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: int
) -> None:
    monkeypatch.setattr(spill, "BUCKET_BYTES", bucket)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": sentence(i)}) for i in range(150)))
    examples = run(path, tmp_path / "out", task="language_model")
    texts = {split: [e["text"][0] for e in stored] for split, stored in records(examples).items()}
    found = figures(examples)
    assert found["examples"] == {split: len(stored) for split, stored in texts.items()}
    section = found["columns"]["text"]
    known = [words(text) for text in texts["train"]]
    vocabulary = {word for one in known for word in one}
    assert section["vocabulary"]["words"] == len(vocabulary)
    assert section["vocabulary"]["once"] == len(texts["train"])
    assert section["vocabulary"]["characters"] == len(set("".join(texts["train"])))
    assert section["vocabulary"]["growth"][4] == {
        "texts": len(known) // 2,
        "words": len({word for one in known[: len(known) // 2] for word in one}),
    }
    new = [word for text in texts["eval"] for word in words(text) if word not in vocabulary]
    total = sum(len(words(text)) for text in texts["eval"])
    unknown = section["out_of_vocabulary"]["eval"]
    assert unknown["words"] == pytest.approx(len(new) / total, abs=1e-6)
    assert unknown["examples"] == sorted(set(new))[:10]
    lengths = [len(text) for text in texts["valid"]]
    assert section["lengths"]["valid"]["characters"] == {
        "min": min(lengths),
        "median": np.median(lengths),
        "mean": pytest.approx(np.mean(lengths), abs=0.01),
        "p95": np.percentile(lengths, 95),
        "max": max(lengths),
    }


def of(share: float, bound: float | None) -> dict[str, Any]:
    unknown = {"eval": {"words": share, "examples": ["zyx", "wvu", "tsr", "qpo"]}, "valid": {"words": 1.0}}
    return {"max_oov": bound, "columns": {"text": {"out_of_vocabulary": unknown}}}


def test_the_gate_on_new_words() -> None:
    assert report.gate_failure(of(0.25, None)) is None
    assert report.gate_failure(of(0.25, 0.25)) is None
    assert report.gate_failure(of(0.251, 0.25)) == (
        "25.1% of the words of text in eval are not in train, data.max_oov is 25.0%; for example 'zyx', 'wvu', 'tsr'"
    )


def batch(texts: list[str | None]) -> pa.RecordBatch:
    values = [None if text is None else [text.encode()] for text in texts]
    return pa.RecordBatch.from_pydict({"text": pa.array(values, pa.list_(pa.binary()))})


def numbers(statistics: statistics_pb2.DatasetFeatureStatisticsList, name: str) -> Any:
    (feature,) = (f for f in statistics.datasets[0].features if f.path.step[0] == name)
    return feature.num_stats


def test_lengths_are_statistics_and_no_feature_of_the_model() -> None:
    statistics = statistics_of([batch(["a b", "çé"]), batch(["one two three", None])], texts=["text"])
    assert (numbers(statistics, "text_characters").min, numbers(statistics, "text_characters").max) == (2, 13)
    assert numbers(statistics, "text_words").mean == pytest.approx(2)
    assert numbers(statistics, "text_words").common_stats.num_missing == 1
    schema = tfdv.infer_schema(statistics, infer_feature_shape=False)
    assert [(f.name, f.HasField("string_domain")) for f in schema.feature if not f.lifecycle_stage] == [
        ("text", False)
    ]
    stages = {f.name: f.lifecycle_stage for f in schema.feature}
    assert stages["text_words"] == schema_pb2.VALIDATION_DERIVED
    assert list(schema_utils.schema_as_feature_spec(schema).feature_spec) == ["text"]
    assert not tfdv.validate_statistics(statistics, schema).anomaly_info


def test_skew_between_lengths_is_an_anomaly() -> None:
    train, serving = (
        statistics_of([batch(["w " * n for n in range(1, 60)])], texts=["text"]) for _ in range(2)
    )
    schema = tfdv.infer_schema(train)
    tfdv.get_feature(schema, "text_words").skew_comparator.jensen_shannon_divergence.threshold = 0.1
    assert not tfdv.validate_statistics(train, schema, serving_statistics=serving).anomaly_info
    longer = statistics_of([batch(["w " * n for n in range(50, 200)])], texts=["text"])
    found = tfdv.validate_statistics(train, schema, serving_statistics=longer).anomaly_info
    assert "Jensen-Shannon" in found["text_words"].description


def test_tokens_count_as_words() -> None:
    values = pa.array([[b"Ann", b"-", b"B"], [b"x"]], pa.list_(pa.binary()))
    statistics = statistics_of([pa.RecordBatch.from_pydict({"tokens": values})], texts=["tokens"])
    assert (numbers(statistics, "tokens_words").max, numbers(statistics, "tokens_characters").max) == (3, 7)
