"""Intervals against known values, and against how often they hold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator import figures
from reports import intervals
from reports.predictions import Predictions


def of(
    task: str, columns: dict[str, Any], labels: list[str], classes: list[str] | None = None
) -> Predictions:
    count = len(next(iter(columns.values())))
    table = pa.table({"id": list(range(count)), **columns})
    return Predictions(count, task, labels, classes or [], table)


def binary(random: np.random.Generator, rows: int) -> Predictions:
    true = random.integers(0, 2, rows)
    scores = np.clip(random.normal(0.4 + 0.25 * true, 0.2), 0.01, 0.99)
    loss = -np.log(np.where(true == 1, scores, 1 - scores))
    return of("binary", {"label.y": true, "score.y": scores, "loss": loss}, ["y"])


def test_wilson() -> None:
    """Values of E. Wilson's formula, also at the ends."""
    assert intervals.wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert intervals.wilson(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert intervals.wilson(0.0, 20)[0] == 0.0


@pytest.mark.parametrize("metric", ["accuracy", "auc", "loss", "f1", "auc_precision_recall"])
def test_about_19_of_20_hold_the_value_of_all(metric: str) -> None:
    random = np.random.default_rng(0)
    many = binary(random, 60_000)
    truth = figures.of_classes(metric, many.true, many.scores)
    held = 0
    for _ in range(100):
        few = binary(random, 150)
        value = figures.of_classes(metric, few.true, few.scores)
        interval = intervals.of_metric(metric, value, 150, few, np.ones(150, bool))
        assert interval is not None
        held += interval[0] <= truth <= interval[1]
    assert 88 <= held <= 100


def test_a_sample_has_the_interval_of_all_examples() -> None:
    few = binary(np.random.default_rng(1), 400)
    rows = np.ones(400, bool)
    narrow, wide = (intervals.of_metric("auc", 0.8, examples, few, rows) for examples in (40_000, 400))
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] == pytest.approx(10 * (narrow[1] - narrow[0]))
    assert narrow[0] < 0.8 < narrow[1]


def test_numbers_of_several_outputs() -> None:
    random = np.random.default_rng(2)
    true, errors = random.normal(size=500), random.normal(0, 2, 500)
    found = of(
        "regression",
        {
            "label.a": true,
            "prediction.a": true + errors,
            "label.b": true,
            "prediction.b": true,
            "loss": errors,
        },
        ["a", "b"],
    )
    rows = np.ones(500, bool)
    rmse = float(np.sqrt(np.mean(errors**2)))
    low, high = intervals.of_metric("rmse", rmse, 500, found, rows, "a") or (math.nan, math.nan)
    assert low < rmse < high
    # The standard error of a standard deviation of normal values.
    assert high - low == pytest.approx(2 * 1.96 * 2 / math.sqrt(1000), rel=0.15)
    assert intervals.of_metric("mae", 0.0, 500, found, rows, "b") == (0.0, 0.0)


def test_perplexity_counts_tokens() -> None:
    random = np.random.default_rng(3)
    tokens = random.integers(5, 50, 300).astype(float)
    loss = random.normal(2.0, 0.3, 300)
    found = of("language_model", {"tokens": tokens, "loss": loss}, [])
    value = math.exp((loss * tokens).sum() / tokens.sum())
    low, high = intervals.of_metric("perplexity", value, 300, found, np.ones(300, bool)) or (0, 0)
    assert low < value < high
    assert high - low < 1.0


def test_bleu_of_samples_of_the_sentences() -> None:
    import sacrebleu

    random = np.random.default_rng(4)
    words = [f"w{number}" for number in range(30)]
    references = [" ".join(random.choice(words, 12)) for _ in range(150)]
    answers = [
        " ".join(word if random.random() < 0.8 else "x" for word in reference.split())
        for reference in references
    ]
    found = of(
        "translation", {"prediction": answers, "reference": references, "loss": [1.0] * 150}, ["target"]
    )
    value = sacrebleu.corpus_bleu(answers, [references]).score
    low, high = intervals.of_metric("bleu", value, 150, found, np.ones(150, bool)) or (0, 0)
    own = sacrebleu.BLEU().corpus_score(answers, [references], n_bootstrap=400)
    assert low < value < high
    assert high - low == pytest.approx(2 * own._ci, rel=0.3)


def test_figures_of_entities() -> None:
    """70 of 100 names are found, and nothing else."""
    answers = ["B-x I-x O"] * 70 + ["O O O"] * 30
    found = of(
        "tagging", {"prediction": answers, "reference": ["B-x I-x O"] * 100, "loss": [0.0] * 100}, ["tags"]
    )
    rows = np.ones(100, bool)
    low, high = intervals.of_metric("entity_recall", 0.7, 100, found, rows) or (0, 0)
    expected = intervals.wilson(0.7, 100)
    assert (low, high) == pytest.approx(expected, abs=0.03)
    assert intervals.of_metric("entity_precision", 1.0, 100, found, rows) == pytest.approx((1.0, 1.0))
    low, high = intervals.of_metric("token_accuracy", 0.8, 100, found, rows) or (0, 0)
    assert low < 0.8 < high


def test_what_the_predictions_do_not_tell_has_none() -> None:
    found = of("embedding", {"loss": [1.0, 2.0], "text": ["a", "b"]}, [])
    assert intervals.of_metric("bits_gained", 1.0, 2, found, np.ones(2, bool)) is None
    translated = of("translation", {"loss": [1.0, 2.0], "text": ["a", "b"]}, ["target"])
    assert intervals.of_metric("bleu", 20.0, 2, translated, np.ones(2, bool)) is None
    assert intervals.of_metric("exact_match", 0.5, 2, translated, np.ones(2, bool)) is not None


def test_the_file_is_read_as_the_evaluator_writes_it(tmp_path: Path) -> None:
    from pyarrow import parquet

    from reports import predictions
    from reports.run_facts import Missing

    table = pa.table(
        {
            "id": [0, 1, 2],
            "example": [b"x", b"y", None],
            "raw.n": pa.array([1, None, 3], pa.int64()),
            "raw.t": ["a", None, "c"],
            "label": ["cat", None, "dog"],
            "predicted": ["cat", "cat", "cat"],
            "scores": pa.FixedSizeListArray.from_arrays(pa.array([0.75, 0.25] * 3, pa.float32()), 2),
            "loss": pa.array([0.3, None, 1.4], pa.float32()),
        }
    ).replace_schema_metadata(
        {"examples": "30", "task": "multiclass", "label": '["label"]', "classes": json.dumps(["cat", "dog"])}
    )
    with pytest.raises(Missing, match=r"There is no predictions\.parquet"):
        predictions.read(tmp_path)
    parquet.write_table(table, tmp_path / "predictions.parquet")
    found = predictions.read(tmp_path)
    assert (found.total, found.count, found.names) == (30, 3, ["cat", "dog"])
    assert found.true.tolist() == [0, -1, 1]
    assert found.predicted.tolist() == [0, 0, 0]
    assert found.raw == {"n": [1, None, 3], "t": ["a", None, "c"]}
    assert found.loss.tolist()[0] == pytest.approx(0.3)
    assert math.isnan(found.loss[1])
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(Missing, match="is damaged"):
        predictions.read(tmp_path)


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_about_19_of_20_hold_the_figure_of_a_class(metric: str) -> None:
    def counts(drawn: np.ndarray) -> tuple[int, int, int]:
        return int((drawn == 0).sum()), int((drawn != 1).sum()), int((drawn != 2).sum())

    def figure(right: int, given: int, labelled: int) -> float:
        return {"precision": right / given, "recall": right / labelled, "f1": 2 * right / (given + labelled)}[
            metric
        ]

    # Of the examples that are of the class or taken for it: right, taken for it (labelled otherwise: 2), missed (1).
    shares = [0.7, 0.2, 0.1]
    truth = {"precision": 0.7 / 0.8, "recall": 0.7 / 0.9, "f1": 1.4 / 1.7}[metric]
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = counts(random.choice(3, 60, p=shares))
        interval = intervals.of_class(metric, figure(*found), *found)
        assert interval is not None
        held += interval[0] <= truth <= interval[1]
    assert 368 <= held <= 396


def test_a_class_at_the_ends() -> None:
    assert intervals.of_class("f1", 1.0, 20, 20, 20) == pytest.approx((2 * 0.8389 / 1.8389, 1.0), abs=1e-4)
    low, high = intervals.of_class("f1", 0.0, 0, 3, 5) or (1.0, 1.0)
    assert low == 0.0
    assert 0.3 < high < 0.7
    assert intervals.of_class("precision", 0.0, 0, 0, 5) is None
    assert intervals.of_class("f1", 0.0, 0, 0, 0) is None


def words(random: np.random.Generator, rows: int, **columns: Any) -> Predictions:
    tokens = random.integers(5, 80, rows)
    loss = random.gamma(4.0, 1.5, rows)
    return of("embedding", {"loss": loss, "tokens": tokens, "text": ["a"] * rows, **columns}, [])


@pytest.mark.parametrize("metric", ["bits_gained", "unigram_perplexity"])
def test_about_19_of_20_hold_what_is_gained_over_frequency(metric: str) -> None:
    random = np.random.default_rng(3)

    def drawn(rows: int) -> tuple[Predictions, float]:
        found = words(random, rows, unigram_loss=random.gamma(4.0, 1.6, rows))
        plain, tokens = found.column("unigram_loss"), found.column("tokens")
        if metric == "unigram_perplexity":
            return found, math.exp(float((plain * tokens).sum() / tokens.sum()))
        return found, float(((plain - found.loss) * tokens).sum() / tokens.sum()) / math.log(2)

    _, truth = drawn(200_000)
    held = 0
    for _ in range(200):
        few, value = drawn(200)
        interval = intervals.of_metric(metric, value, 200, few, np.ones(200, bool))
        assert interval is not None
        assert interval[0] < value < interval[1]
        held += interval[0] <= truth <= interval[1]
    assert 180 <= held <= 200


def test_less_than_frequency_knows_has_an_interval_below_zero() -> None:
    found = words(np.random.default_rng(4), 300, unigram_loss=np.full(300, 1.0))
    low, high = intervals.of_metric("bits_gained", -7.0, 300, found, np.ones(300, bool)) or (0.0, 0.0)
    assert low < -7.0 < high < 0


def test_what_older_predictions_do_not_tell_is_said() -> None:
    old = words(np.random.default_rng(5), 10)
    assert intervals.of_metric("bits_gained", 0.2, 10, old, np.ones(10, bool)) is None
    assert intervals.why_none("bits_gained", old) == (
        "predictions.parquet has no column unigram_loss, as an older version of this project wrote it"
    )
    assert intervals.why_none("perplexity", old) == "too few examples tell it"
