"""Integrated gradients of a model over examples: of tables, the words of texts and the pixels of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.attributions import gradients, pictures
from components.attributions.constants import PICTURES
from components.attributions.gradients import Integrated, Tensors
from components.attributions.model import ExplainedModel
from components.classifiers import SCORES

ZEROS, MEAN = "zeros", "the mean of the examples"
_BATCH_VALUES = 2**20
"""Numbers that are differentiated at once."""
_MOST_EXAMPLES = 256
_SAMPLES = 12
_TOKENS = 20


def explain(
    model: ExplainedModel,
    examples: Sequence[bytes],
    raw: Sequence[Mapping[str, Sequence[Any]]],
    task: str,
    labels: Sequence[str],
    slices: Mapping[str, np.ndarray],
    steps: int,
    folder: Path,
) -> dict[str, Any]:
    """What stands under `gradients` in attributions.json; pictures go into the folder.

    Explained is the probability of the positive class or of the predicted one, or the value of each label. The baseline
    of a table is the mean of the examples, of texts vectors of zeros, of images black.
    """
    probe = model.inputs(examples[:1], raw[:1])
    is_table = all(value.shape.rank == 2 for value in probe["values"].values())
    size = sum(int(np.prod(value.shape)) for value in probe["values"].values())
    step = max(1, min(_MOST_EXAMPLES, _BATCH_VALUES // max(size, 1)))
    parts = [
        (start, model.inputs(examples[start : start + step], raw[start : start + step]))
        for start in range(0, len(examples), step)
    ]
    baseline = _baseline([part["values"] for _, part in parts], is_table)
    outputs = labels if task == "regression" else [""]
    rows: list[dict[str, Any]] = []
    gaps: list[np.ndarray] = []
    differences: list[np.ndarray] = []
    found: dict[str, Any] = {
        "steps": steps,
        "examples": len(examples),
        "baseline": MEAN if is_table else ZEROS,
    }
    for output in outputs:
        done = [
            gradients.integrate(_answer(model, task, output, part), part["values"], baseline, steps)
            for _, part in parts
        ]
        gaps += [one.gaps for one in done]
        differences += [np.abs(one.answers - one.of_baseline) for one in done]
        rows += gradients.importances(_by_feature(done), output if len(labels) > 1 else "", slices)
        if "tokens" in probe:
            found |= _texts(parts, done)
        elif not is_table:
            found |= _images(parts, done, folder)
    gap = np.concatenate(gaps)
    found["completeness"] = {
        "largest_gap": float(gap.max()),
        "mean_gap": float(gap.mean()),
        "mean_difference": float(np.concatenate(differences).mean()),
    }
    return {**found, "rows": rows}


def _baseline(values: Sequence[Mapping[str, Any]], is_table: bool) -> dict[str, Any]:
    """One row for all examples."""
    if is_table:
        return {
            name: tf.reduce_mean(tf.concat([part[name] for part in values], 0), axis=0, keepdims=True)
            for name in values[0]
        }
    return {name: tf.zeros([1] * value.shape.rank) for name, value in values[0].items()}


def _answer(model: ExplainedModel, task: str, output: str, part: Mapping[str, Any]) -> gradients.Answer:
    """The number that is explained of each example, [B]."""
    given = part["given"]
    if task == "multiclass":
        predicted = tf.argmax(model.answers(part["values"], given)[SCORES[task]], axis=1)
        return partial(_of_class, model, given, predicted)
    return partial(_of_output, model, given, SCORES.get(task, output))


def _of_class(model: ExplainedModel, given: Tensors, predicted: tf.Tensor, values: Tensors) -> tf.Tensor:
    return tf.gather(model.answers(values, given)[SCORES["multiclass"]], predicted, batch_dims=1)


def _of_output(model: ExplainedModel, given: Tensors, name: str, values: Tensors) -> tf.Tensor:
    return tf.reshape(model.answers(values, given)[name], [-1])


def _by_feature(done: Sequence[Integrated]) -> dict[str, np.ndarray]:
    """Attributions [N] by feature: the sums of those of its inputs."""
    found = {}
    for feature in done[0].values:
        flat = [one.values[feature].reshape(len(one.answers), -1) for one in done]
        found[feature] = np.concatenate([values.sum(axis=1) for values in flat])
    return found


def _texts(parts: Sequence[tuple[int, Mapping[str, Any]]], done: Sequence[Integrated]) -> dict[str, Any]:
    """The words that speak most for and against the answer, and some texts with the attribution of each word."""
    words: list[list[str]] = []
    shares: list[np.ndarray] = []
    answers: list[float] = []
    for (_, part), one in zip(parts, done, strict=True):
        (values,) = one.values.values()
        words += [[word.decode(errors="replace") for word in row] for row in part["tokens"].numpy().tolist()]
        shares += list(values.sum(axis=2))
        answers += one.answers.tolist()
    ranked = gradients.tokens(words, shares)
    return {
        "tokens": {"for": ranked[:_TOKENS], "against": [*reversed(ranked)][:_TOKENS]},
        "samples": [
            {
                "answer": answers[place],
                "tokens": [
                    [word, float(share)]
                    for word, share in zip(words[place], shares[place], strict=True)
                    if word
                ][:400],
            }
            for place in range(min(_SAMPLES, len(words)))
        ],
    }


def _images(
    parts: Sequence[tuple[int, Mapping[str, Any]]], done: Sequence[Integrated], folder: Path
) -> dict[str, Any]:
    """Some images beside the attributions of their pixels, and the mean of the absolute ones over all images."""
    (folder / PICTURES).mkdir(exist_ok=True)
    named = []
    absolute = []
    for (start, part), one in zip(parts, done, strict=True):
        (name,) = one.values
        images, values = part["values"][name].numpy(), one.values[name].sum(axis=3)
        absolute.append(np.abs(values).sum(axis=0))
        for place in range(start, min(_SAMPLES, start + len(images))):
            file = f"{place + 1:02d}.png"
            pictures.write(folder / PICTURES / file, images[place - start], values[place - start])
            named.append({"file": file, "answer": float(one.answers[place - start])})
    pictures.write_map(folder / PICTURES / "mean.png", np.sum(absolute, axis=0))
    return {"pictures": named, "mean_picture": "mean.png"}
