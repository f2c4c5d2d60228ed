"""Every pipeline of the catalog, from its data to a pushed model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from benchmarks import baselines, example_rows, text_baselines
from components.serving_check import report as serving_report
from data import bible, fashion_mnist, linear
from pipeline import config, gates, metadata
from pipeline.home import Home
from pipeline.sections import Config
from tests.end_to_end.project import REPOSITORY, mlpipe
from tests.serving.process import serving

pytestmark = pytest.mark.slow


def is_no_worse_than_a_logistic_regression(loaded: Config, home: Home, values: dict[str, float]) -> None:
    assert values["auc"] >= max(0.9, baselines.held_out(loaded, home)["auc"])


def is_beyond_a_straight_line(loaded: Config, home: Home, values: dict[str, float]) -> None:
    assert loaded.trainer.model["hidden"] == [4]
    assert baselines.held_out(loaded, home)["accuracy"] < 0.6 < 0.85 <= values["accuracy"]


def recovers_weights_and_bias(loaded: Config, home: Home, values: dict[str, float]) -> None:
    """By the answers of the pushed model at 0 and one step along each column."""
    model = tf.saved_model.load(str(home.serving("linear") / "1"))
    points = {"x1": tf.constant([0.0, 1.0, 0.0]), "x2": tf.constant([0.0, 0.0, 1.0])}
    bias, first, second = model.signatures["serving_default"](**points)["y"].numpy().ravel()
    assert (first - bias, second - bias) == pytest.approx(linear.WEIGHTS, abs=0.02)
    assert bias == pytest.approx(linear.BIAS, abs=0.02)


def is_beyond_the_most_frequent_tag(loaded: Config, home: Home, values: dict[str, float]) -> None:
    bar = text_baselines.held_out(loaded, home)["entity_f1"]
    assert 0.3 < bar < values["entity_f1"] - 0.2


def predicts_neighbours_better_than_frequencies(loaded: Config, home: Home, values: dict[str, float]) -> None:
    """And its vectors know what the words have to do with each other."""
    assert values["perplexity"] < 0.92 * values["unigram_perplexity"]
    assert values["bits_gained"] == pytest.approx(
        math.log2(values["unigram_perplexity"] / values["perplexity"]), abs=1e-4
    )
    signatures = tf.saved_model.load(str(home.serving(loaded.name) / "1")).signatures
    near = signatures["neighbours"](words=tf.constant(["bread", "King"]), count=tf.constant([10]))["words"]
    bread, king = near.numpy().tolist()
    assert {b"unleavened", b"eat", b"ate", b"loaves"} & set(bread)
    assert {b"assyria", b"babylon", b"nebuchadnezzar", b"syria"} & set(king)
    found = signatures["analogies"](a=tf.constant(["he"]), b=tf.constant(["she"]), c=tf.constant(["his"]))
    assert found["d"].numpy().tolist() == [b"her"]


BEYOND_THE_GATES: dict[str, Callable[[Config, Home, dict[str, float]], None]] = {
    "taxi": is_no_worse_than_a_logistic_regression,
    "planar": is_beyond_a_straight_line,
    "linear": recovers_weights_and_bias,
    "names_tagger": is_beyond_the_most_frequent_tag,
    "bible_word2vec": predicts_neighbours_better_than_frequencies,
}
# Less than the whole, where that takes minutes.
SHORTER = {
    "bible_word2vec": [
        "trainer.model.passes=1",
        "trainer.training.epochs=3",
        "trainer.training.learning_rate=0.002",
    ],
    "dates": ["trainer.training.epochs=4"],
    "imdb_average": ["trainer.training.epochs=5"],
    "meats": ["trainer.training.epochs=400"],
}
# Requests that the model carries itself, for the signatures that no example can be put to.
CARRIED = {"bible_word2vec": 9}

TABLES = [
    name for name in config.names() if not config.load(name).data.images and not config.load(name).data.text
]


TEXTS = [
    pytest.param(
        "bible_word2vec",
        marks=pytest.mark.skipif(
            not (bible.PACKAGE / "mods.d").is_dir(), reason=f"needs {bible.INSTALL[bible.ENGLISH]}"
        ),
    ),
    "dates",
    "imdb_average",
    "names_tagger",
    "reviews_small",
]

SIGNATURES = {"serving_default", "serving_examples", "transform_features"}
OF_TASK = {"translation": {"translate"}, "embedding": {"neighbours", "analogies"}}


@pytest.mark.parametrize("name", [*TABLES, *TEXTS])
def test_ends_blessed(name: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    shorter = [word for override in SHORTER.get(name, ()) for word in ("--set", override)]
    result = mlpipe("run", name, *shorter, "--home", str(home.root))
    assert result.code == 0, result.err
    assert (home.serving(name) / "1" / "saved_model.pb").is_file()

    verdict = _verdict(home, name)
    assert verdict["blessed"] is True
    overall = {(r["metric"], r["output"]): r for r in verdict["metrics"] if r["slice"] == "overall"}
    loaded = config.load(name)
    for gate in loaded.evaluation.gates:
        outputs = [gate.output] if gate.output else loaded.labels if len(loaded.labels) > 1 else [""]
        for output in outputs:
            row = overall[(gate.metric, output)]
            assert row["ok"] is True
            assert row["examples"] >= 30
            assert gate.lower is None or row["value"] >= gate.lower
            assert gate.upper is None or row["value"] <= gate.upper
    store = metadata.open_store(home)
    (run,) = metadata.run_contexts(store, name)
    (blessing,) = [a for a in metadata.artifacts_of(store, run) if a.type == "InfraBlessing"]
    report = serving_report.read(Path(blessing.uri))
    assert report is not None
    signatures = SIGNATURES | OF_TASK.get(loaded.task, set())
    assert set(report["signatures"]) == signatures
    assert report["not_checked"] == {}
    assert f"serving    {serving_report.summary(report)}" in result.out.splitlines()
    assert serving_report.summary(report).startswith(
        f"passed: {len(signatures)} signatures, REST and gRPC, p99 "
    )
    warm_up = home.serving(name) / "1" / "assets.extra" / "tf_serving_warmup_requests"
    carried = CARRIED.get(name, 0)
    assert len(list(tf.data.TFRecordDataset(str(warm_up)))) == carried + loaded.serving_check.warmup_requests
    if name in BEYOND_THE_GATES:
        BEYOND_THE_GATES[name](loaded, home, {metric: row["value"] for (metric, _), row in overall.items()})


@pytest.mark.skipif(not fashion_mnist.PACKAGE.is_dir(), reason=f"needs {fashion_mnist.INSTALL}")
def test_a_linear_model_of_all_images_ends_blessed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    result = mlpipe("run", "fashion_softmax", "--set", "trainer.training.epochs=5", "--home", str(home.root))
    assert result.code == 0, result.err
    assert "examples   train 55,000, valid 5,000, eval 10,000" in result.out.splitlines()
    verdict = _verdict(home, "fashion_softmax")
    assert _overall(verdict, "accuracy") >= 0.82
    classes = {row["slice"] for row in verdict["metrics"]} - {"overall"}
    assert classes == {f"label={name}" for name in fashion_mnist.CLASSES}


def test_a_bound_for_all_images_does_not_hold_for_a_few(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sample = ("--set", f"data.path={REPOSITORY / 'data' / 'fashion_mnist_sample'}")
    short = ("--set", "trainer.training.epochs=2", "--set", "trainer.training.batch_size=16")
    result = mlpipe("run", "fashion_cnn", *sample, *short, "--home", str(home.root))
    assert result.code == 3, result.err
    assert not home.serving("fashion_cnn").exists()
    assert 0.1 < _overall(_verdict(home, "fashion_cnn"), "accuracy") < 0.9
    (curves,) = home.pipeline_root("fashion_cnn").glob("Trainer/model_run/*/learning_curves.json")
    first, last = json.loads(curves.read_text())["loss"]
    assert last < first


@pytest.mark.skipif(
    not (bible.PACKAGE / "mods.d" / f"{bible.ENGLISH}.conf").is_file(),
    reason=f"needs {bible.INSTALL[bible.ENGLISH]}",
)
def test_a_part_of_the_bible_is_less_surprising_than_to_trigrams(tmp_path: Path) -> None:
    """An eighth of the text and a fourth of the units; the whole is measured in docs/results.md."""
    home = Home(tmp_path / "home")
    part = tmp_path / "part.txt"
    part.write_text(bible.write_text(tmp_path).read_text(encoding="utf-8")[:500_000], encoding="utf-8")
    short = ("trainer.model.units=128", "trainer.training.batch_size=32", "serving_check.requests=8")
    changes = (f"data.path={part}", "evaluation.gates=[{metric: perplexity, upper: 6}]", *short)
    settings = [argument for change in changes for argument in ("--set", change)]
    result = mlpipe("run", "bible_char_rnn", *settings, "--home", str(home.root))
    assert result.code == 0, result.err
    bar = text_baselines.characters(example_rows.folder_of(home, "bible_char_rnn"), order=3)
    assert _overall(_verdict(home, "bible_char_rnn"), "perplexity") < bar < 10

    (kept,) = home.pipeline_root("bible_char_rnn").glob("Trainer/model_run/*/samples.json")
    written = json.loads(kept.read_text(encoding="utf-8"))["samples"]
    assert {row["temperature"] for row in written} == {0.0, 0.5, 0.8, 1.0}
    assert all(len(row["continuation"]) == 200 for row in written)
    # The safer it writes, the less it surprises itself.
    surprise = {row["temperature"]: row["perplexity"] for row in written if not row["prompt"]}
    assert surprise[0.0] < surprise[0.5] < surprise[1.0]

    flags = ("--model_name=bible_char_rnn", f"--model_base_path={home.serving('bible_char_rnn')}")
    with serving(tmp_path, *flags) as server:
        asked = ("generate", "bible_char_rnn", "--prompt", "In the", "--length", "100", "--seed", "7")
        ways = (
            ("--local",),
            ("--rest-api-port", str(server.rest_port)),
            ("--grpc", "--port", str(server.grpc_port)),
        )
        texts = [mlpipe(*asked, *way, "--home", str(home.root)).out for way in ways]
    assert texts[0].startswith("In the")
    assert len(texts[0]) == len("In the") + 100 + len("\n")
    assert texts[1:] == texts[:1] * 2


def _has_both_bibles() -> bool:
    folder = bible.PACKAGE / "mods.d"
    return all((folder / f"{name}.conf").is_file() for name in (bible.ENGLISH, bible.SPANISH))


@pytest.mark.skipif(not _has_both_bibles(), reason=f"needs {' and '.join(bible.INSTALL.values())}")
def test_few_verses_teach_a_small_translator_something(tmp_path: Path) -> None:
    """On all verses but with a small network for a short time: the whole figure is in docs/results.md."""
    home = Home(tmp_path)
    small = {
        "model.units": 64,
        "model.beam": 1,
        "model.max_source": 24,
        "model.max_target": 24,
        "features.source_tokenizer.size": 400,
        "features.target_tokenizer.size": 400,
        "training.epochs": 2,
        "training.batch_size": 128,
        "training.learning_rate": 0.005,
        "training.samples": 8,
    }
    changes = [argument for key, value in small.items() for argument in ("--set", f"trainer.{key}={value}")]
    name = "translate_en_es"
    result = mlpipe("run", name, *changes, "--home", str(home.root))
    # It is far from the bound.
    assert result.code == 3, result.err
    assert not home.serving(name).exists()
    verdict = _verdict(home, name)
    assert 0 < _overall(verdict, "bleu") < 16

    examples = example_rows.folder_of(home, name)
    chapters = {
        split: {(row["book"][0], row["chapter"][0]) for row in example_rows.of_split(examples, split)}
        for split in ("train", "valid", "eval")
    }
    assert sum(map(len, chapters.values())) == len(set().union(*chapters.values())) > 1100
    (run,) = home.pipeline_root(name).glob("Trainer/model_run/*")
    curves = json.loads((run / "learning_curves.json").read_text())
    assert curves["loss"] == sorted(curves["loss"], reverse=True)
    # The exported model and the trained one have the same tokens.
    assert _overall(verdict, "perplexity") == pytest.approx(min(curves["val_perplexity"]), rel=0.15)
    kept = json.loads((run / "translations.json").read_text())
    assert kept["sentences"] == 8
    assert len(list(run.glob("attention-*.png"))) == 4


def _verdict(home: Home, name: str) -> dict[str, Any]:
    store = metadata.open_store(home)
    (run,) = metadata.run_contexts(store, name)
    (evaluation,) = [a for a in metadata.artifacts_of(store, run) if a.type == "ModelEvaluation"]
    return gates.verdict(evaluation)


def _overall(verdict: dict[str, Any], metric: str) -> float:
    (row,) = [r for r in verdict["metrics"] if (r["slice"], r["metric"]) == ("overall", metric)]
    return row["value"]
