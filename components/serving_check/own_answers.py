"""What the model answers in this process: the truth that the server is held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.serving_check.answers import Answer, one_line
from components.serving_check.questions import Question
from components.serving_check.signatures import CLASSIFY, REGRESS


class OwnFailure(Exception):
    """The model raised; the message is one line of TensorFlow's."""


def load(model: Path) -> Callable[[Question], Answer]:
    """Loads a SavedModel; returns what answers a question in the form of `answers.Answer`.

    Raises:
      OwnFailure: it cannot be loaded; what is returned raises it as well.
    """
    try:
        loaded = tf.saved_model.load(str(model))
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise OwnFailure(_reason(error)) from error

    def answer(question: Question) -> Answer:
        inputs = {name: tf.constant(values) for name, values in question.inputs.items()}
        try:
            outputs = loaded.signatures[question.signature](**inputs)
            found = {name: np.asarray(value.numpy()) for name, value in outputs.items()}
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise OwnFailure(_reason(error)) from error
        if question.method == REGRESS:
            return {name: value.reshape([question.rows]) for name, value in found.items()}
        if question.method == CLASSIFY:
            return {name: value.reshape([question.rows, -1]) for name, value in found.items()}
        return found

    return answer


def _reason(error: Exception) -> str:
    """TensorFlow puts where before what, and the node's name in brackets behind it."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    node = next((i for i, line in enumerate(lines) if line.startswith("[[")), 1)
    return f"{type(error).__name__}: {one_line(lines[max(0, node - 1)] if lines else '')}"
