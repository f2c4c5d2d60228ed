"""What the model answers to the held-out examples, as a Parquet file beside the verdict."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components import batches
from components.evaluator.constants import PREDICTIONS, SMALLEST_PROBABILITY, UNIGRAM_LOSS
from components.evaluator.raw_columns import longest_text, raw_columns, text
from components.evaluator.sample import Answers, Row, Sample, hash_of
from components.evaluator.tally import scores_of

_TRUE, _SCORES = "true", "scores"
_GROUP_ROWS = 2000


def of_classes(labels: np.ndarray, predictions: np.ndarray) -> Answers:
    """Class indices, int [B], and scores: a probability of the positive class [B, 1], or of every class [B, K]."""
    scores = scores_of(predictions)
    known = (labels >= 0) & (labels < scores.shape[1])
    own = scores[np.arange(len(labels)), np.where(known, labels, 0)]
    with np.errstate(invalid="ignore"):
        loss = -np.log(np.clip(own, SMALLEST_PROBABILITY, 1))
    return {
        _TRUE: np.where(known, labels, -1).tolist(),
        _SCORES: list(np.asarray(predictions, np.float32).reshape([len(predictions), -1])),
        "loss": np.where(known, loss, np.nan).tolist(),
    }


def of_numbers(labels: Mapping[str, np.ndarray], predictions: Mapping[str, np.ndarray]) -> Answers:
    """Label column -> values [B], and the same of the answers."""
    return {
        **{f"label.{name}": values.tolist() for name, values in labels.items()},
        **{f"prediction.{name}": values.tolist() for name, values in predictions.items()},
    }


def of_texts(labels: Any, predictions: Mapping[str, np.ndarray], prediction_key: str) -> Answers:
    """Answers about texts: what was made of them, what should have been, and how likely that was to the model.

    Args:
      labels: texts [B] or [B, 1], tags [B, T] with "" behind the end, or None.
      predictions: `log_likelihood` and `tokens` [B] where the model tells them, `unigram_log_likelihood` [B] of one that
        is held against the frequency of words, and `prediction_key`.
      prediction_key: the output that is held against the labels; empty where there is none.
    """
    found: dict[str, Sequence[Any]] = {}
    if prediction_key:
        made = [_words(row) for row in np.asarray(predictions[prediction_key])]
        wanted = [_words(row) for row in np.asarray(labels)]
        found["prediction"] = [_joined(row) for row in made]
        found["reference"] = [_joined(row) for row in wanted]
        found["loss"] = [_share_wrong(*pair) for pair in zip(wanted, made, strict=True)]
    if "log_likelihood" in predictions:
        tokens, likelihood = (
            np.asarray(predictions[name], np.float64).reshape(-1) for name in ("tokens", "log_likelihood")
        )
        found["tokens"] = tokens.tolist()
        found["loss"] = _each(likelihood, tokens)
        if "unigram_log_likelihood" in predictions:
            by_frequency = np.asarray(predictions["unigram_log_likelihood"], np.float64).reshape(-1)
            found[UNIGRAM_LOSS] = _each(by_frequency, tokens)
    return found


def write(
    folder: Path,
    sample: Sample,
    task: str,
    labels: Sequence[str],
    classes: Sequence[str],
    files: Sequence[str],
) -> None:
    """Write the sample, in the order of the split, into a folder; docs/evaluation.md has the columns.

    Args:
      folder: of the evaluation.
      sample: nothing is written for an empty one.
      task: what the model does.
      labels: columns that it predicts.
      classes: names of the classes in the order of the scores.
      files: those of the split in their order, gzipped TFRecords of tf.Examples, which tell each example's place.
    """
    kept = sorted(_placed(sample.rows(), files), key=lambda pair: pair[0])
    if not kept:
        return
    rows = [row for _, row in kept]
    examples = [row.example for row in rows]
    columns: dict[str, Any] = {
        "id": pa.array([place for place, _ in kept], pa.int64()),
        "example": pa.array([row.example if row.whole else None for row in rows], pa.binary()),
        **{f"raw.{name}": values for name, values in raw_columns(examples).items()},
    }
    answers = {name: [row.answers[name] for row in rows] for name in rows[0].answers}
    if _SCORES in answers:
        columns |= _class_columns(answers, labels, classes)
    elif task == "regression":
        columns |= _number_columns(answers, labels)
    else:
        columns["text"] = pa.array(longest_text(examples, labels), pa.string())
        columns |= {
            name: pa.array(values, pa.string() if name in ("prediction", "reference") else pa.float32())
            for name, values in answers.items()
        }
    columns |= {name: _numbers(columns[name]) for name in ("loss", UNIGRAM_LOSS) if name in columns}
    metadata = {
        "examples": str(sample.examples),
        "task": task,
        "label": json.dumps(list(labels), ensure_ascii=False),
        "classes": json.dumps(list(classes), ensure_ascii=False),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table(columns).replace_schema_metadata(metadata), folder / PREDICTIONS, row_group_size=_GROUP_ROWS
    )


def _class_columns(
    answers: Mapping[str, list[Any]], labels: Sequence[str], classes: Sequence[str]
) -> dict[str, Any]:
    true, scores = np.array(answers[_TRUE]), np.stack(answers[_SCORES])
    unknown = true < 0
    if scores.shape[1] == 1:
        return {
            f"label.{labels[0]}": pa.array(true, pa.int8(), mask=unknown),
            f"score.{labels[0]}": _numbers(scores[:, 0]),
            "loss": answers["loss"],
        }
    names = [*classes] or [str(index) for index in range(scores.shape[1])]
    return {
        "label": pa.array([names[index] if index >= 0 else None for index in true], pa.string()),
        "predicted": pa.array([names[index] for index in scores.argmax(axis=1)], pa.string()),
        "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores.shape[1]),
        "loss": answers["loss"],
    }


def _number_columns(answers: Mapping[str, list[Any]], labels: Sequence[str]) -> dict[str, Any]:
    """The absolute error is the loss; of several labels the mean of theirs, each in standard deviations of its label."""
    columns: dict[str, Any] = {}
    losses = []
    for label in labels:
        true, predicted = (
            np.array(answers[f"{kind}.{label}"], np.float64) for kind in ("label", "prediction")
        )
        columns |= {f"label.{label}": _numbers(true), f"prediction.{label}": _numbers(predicted)}
        spread = float(np.nanstd(true)) if len(labels) > 1 and np.isfinite(true).any() else 1.0
        losses.append(np.abs(true - predicted) / (spread or 1.0))
    return {**columns, "loss": np.mean(losses, axis=0)}


def _numbers(values: Any) -> pa.Array:
    """float32, null for what is not a number."""
    values = np.asarray(values, np.float32)
    return pa.array(values, mask=np.isnan(values))


def _placed(rows: Sequence[tuple[int, Row]], files: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Rows with their places in the split; equal examples in the order in which they come."""
    wanted: dict[int, list[Row]] = defaultdict(list)
    for key, row in reversed(rows):
        wanted[key].append(row)
    for place, record in enumerate(batches.records(files)):
        if not wanted:
            return
        key = hash_of(record)
        if key in wanted:
            yield place, wanted[key].pop()
            if not wanted[key]:
                del wanted[key]


def _each(likelihood: np.ndarray, tokens: np.ndarray) -> list[float]:
    """What a token costs, in nats."""
    return [-one / count if count else float("nan") for one, count in zip(likelihood, tokens, strict=True)]


def _words(row: Any) -> list[bytes]:
    return [one if isinstance(one, bytes) else str(one).encode() for one in np.ravel(row)]


def _joined(row: Sequence[bytes]) -> str:
    return text(b" ".join(one for one in row if one))


def _share_wrong(wanted: Sequence[bytes], made: Sequence[bytes]) -> float:
    """The share of the labels that the answer does not have in the same place."""
    there = [one for one in wanted if one]
    if not there:
        return float("nan")
    answered = [*made[: len(there)], *[b""] * (len(there) - len(made))]
    return sum(one != other for one, other in zip(there, answered, strict=True)) / len(there)
