"""Questions to the server over REST: batches in columns (`inputs`), single rows as rows (`instances`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.serving_check.answers import Answer
from components.serving_check.questions import Question
from components.serving_check.signatures import CLASSIFY, REGRESS
from serving.client import RestClient

WITHOUT_JSON = ("float16", "bfloat16", "uint16", "complex64", "complex128")
"""Dtypes that TF Serving's REST API neither reads nor writes."""


def obstacle(question: Question, own: Answer) -> str | None:
    """Why a signature cannot be asked over REST, or None."""
    for name, values in (*question.inputs.items(), *own.items()):
        if values.dtype.name in WITHOUT_JSON:
            return f"TF Serving's REST API has no {values.dtype.name} ({name})"
    return None


def ask(client: RestClient, model: str, question: Question, own: Answer) -> Answer:
    """The served outputs in the model's own dtypes, as `own_answers` gives them.

    Raises RequestFailed; KeyError, TypeError, ValueError or OverflowError for an answer that has not their form.
    """
    name = question.signature
    parts: dict[str, Any]
    if question.method == REGRESS:
        parts = dict.fromkeys(own, client.regress(model, question.examples, signature=name))
    elif question.method == CLASSIFY:
        found = client.classify(model, question.examples, signature=name)
        places = {"classes": 0, "scores": 1}
        parts = {output: [[pair[places[output]] for pair in row] for row in found] for output in own}
    elif question.is_batch or not _is_by_row(question, own):
        outputs = client.predict_columns(model, question.inputs, signature=name)
        # A single output comes without its name.
        parts = outputs if len(own) > 1 else dict.fromkeys(own, outputs)
    else:
        rows = [{key: values[i] for key, values in question.inputs.items()} for i in range(question.rows)]
        answered = client.predict_rows(model, rows, signature=name)
        by_name = answered if len(own) > 1 else [dict.fromkeys(own, row) for row in answered]
        parts = {output: [row[output] for row in by_name] for output in by_name[0]}
    return {
        output: _array(values, own[output].dtype) if output in own else np.array(values)
        for output, values in parts.items()
    }


def _is_by_row(question: Question, own: Answer) -> bool:
    """Whether every output has one entry per row: else rows are no form for the answer."""
    return all(values.shape[:1] == (question.rows,) for values in own.values())


def _array(values: Any, dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "OS":
        return _objects(values)
    found = np.array(values)
    if dtype.kind in "iub" and found.size and (found.dtype.kind == "b") != (dtype.kind == "b"):
        raise ValueError(f"{found.dtype} instead of {dtype}")
    if dtype.kind in "iu" and found.size and found.dtype.kind not in "iu":
        raise ValueError(f"{found.dtype} instead of {dtype}")
    return found.astype(np.float64).astype(dtype) if dtype.kind not in "iub" else found.astype(dtype)


def _objects(values: Any) -> np.ndarray:
    """Texts as bytes; numpy by itself would cut trailing zero bytes."""
    return np.array(_bytes(values), object)


def _bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(item) for item in value]
    return value.encode() if isinstance(value, str) else value
