from __future__ import annotations

import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import labels


class Transform:
    """The one question that `class_names` asks the transform graph."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = [token.encode() for token in tokens]

    def vocabulary_by_name(self, name: str) -> list[bytes]:
        assert name == labels.VOCABULARY
        return self.tokens


def padded(number: int) -> str:
    return labels._tokens(tf.constant([number], tf.int64))[0].numpy().decode()


def test_text_classes_are_sorted() -> None:
    assert labels.class_names(Transform("c", "b", "a"), tf.string) == ["a", "b", "c"]


def test_number_classes_are_sorted_as_numbers() -> None:
    tokens = [padded(number) for number in (100, 20, 3)]
    assert labels.class_names(Transform(*tokens), tf.int64) == ["3", "20", "100"]
    assert labels.class_names(Transform(padded(1), padded(-1)), tf.int64) == ["-1", "1"]


def test_the_positive_class_is_the_last() -> None:
    assert labels.class_names(Transform("yes", "no"), tf.string, "no") == ["yes", "no"]
    assert labels.class_names(Transform(padded(1), padded(0)), tf.int64, 0) == ["1", "0"]


def test_an_unknown_positive_class_is_named() -> None:
    with pytest.raises(BadInput, match="positive_class 'perhaps' is none of the label's classes: no, yes"):
        labels.class_names(Transform("yes", "no"), tf.string, "perhaps")


def test_one_class_is_refused() -> None:
    with pytest.raises(BadInput, match=r"one class only in the training data \(0\)"):
        labels.class_names(Transform(padded(0)), tf.int64)
