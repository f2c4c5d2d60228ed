"""What the model answers in this process: the truth that the server is held against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components import pixels
from components.serving_check.answers import Answer, one_line
from components.serving_check.questions import Question
from components.serving_check.signatures import CLASSIFY, REGRESS


class OwnFailure(Exception):
    """The model raised; the message is one line of TensorFlow's."""


class OwnModel:
    """A SavedModel, loaded when it is first asked; everything raises OwnFailure when it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def loaded(self) -> Any:
        """The model as TensorFlow loads it."""
        try:
            return tf.saved_model.load(str(self._folder))
        except (tf.errors.OpError, OSError, ValueError) as error:
            raise OwnFailure(_reason(error)) from error

    @cached_property
    def decode(self) -> pixels.Decode:
        """From encoded images to the pixels that the model sees; raises OwnFailure for what is no image."""
        decode = pixels.decoder(self.loaded)

        def decoded(encoded: Sequence[bytes], shape: Sequence[int]) -> np.ndarray:
            try:
                return decode(encoded, shape)
            except (tf.errors.OpError, ValueError, TypeError) as error:
                raise OwnFailure(_reason(error)) from error

        return decoded

    def answer(self, question: Question) -> Answer:
        """The answer to a question in the form of `answers.Answer`."""
        inputs = {name: tf.constant(values) for name, values in question.inputs.items()}
        try:
            outputs = self.loaded.signatures[question.signature](**inputs)
            found = {name: np.asarray(value.numpy()) for name, value in outputs.items()}
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise OwnFailure(_reason(error)) from error
        if question.method == REGRESS:
            return {name: value.reshape([question.rows]) for name, value in found.items()}
        if question.method == CLASSIFY:
            return {name: value.reshape([question.rows, -1]) for name, value in found.items()}
        return found


def _reason(error: Exception) -> str:
    """TensorFlow puts where before what, and the node's name in brackets behind it."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    node = next((i for i, line in enumerate(lines) if line.startswith("[[")), 1)
    return f"{type(error).__name__}: {one_line(lines[max(0, node - 1)] if lines else '')}"
