"""Class labels: from raw values to class indices in the transform graph, and back to names."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from trainer_modules.common import raw_features

UNSEEN = -1
MISSING = -2
VOCABULARY = "classes"
_DIGITS = 20


def _tokens(values: tf.Tensor) -> tf.Tensor:
    """Return labels as text that sorts like the labels: whole numbers are padded with zeros."""
    if values.dtype == tf.string:
        return values
    return tf.strings.as_string(tf.cast(values, tf.int64), width=_DIGITS, fill="0")


def _positive_token(positive: str | int, dtype: tf.DType) -> tf.Tensor:
    if dtype == tf.string:
        return tf.constant(str(positive))
    try:
        return _tokens(tf.constant(int(positive), tf.int64))
    except ValueError:
        raise BadInput(f"features.positive_class {positive!r}: the label is a number") from None


def class_index(values: tf.Tensor, positive: str | int | None = None) -> tf.Tensor:
    """Return the class index of each label, int64 [B]: classes in sorted order of the analysed labels.

    A class that the analysis never saw has index -1, a missing label -2. `positive` (binary) gives that class
    index 1 and the other index 0.
    """
    missing = raw_features.is_missing(values)
    if values.dtype.is_floating:
        missing |= tf.not_equal(values, tf.round(values))
    tokens = tf.where(missing, "", _tokens(values))
    seen = tf.boolean_mask(tokens, tf.logical_not(missing))
    # Equal weights make tft.vocabulary sort by text alone, in reverse.
    vocabulary = tft.vocabulary(seen, weights=tf.zeros_like(seen, tf.float32), vocab_filename=VOCABULARY)

    line = tft.apply_vocabulary(tokens, vocabulary, num_oov_buckets=1)
    classes = tft.get_num_buckets_for_transformed_feature(line) - 1
    if positive is None:
        index = classes - 1 - line
    else:
        index = tf.cast(tf.equal(tokens, _positive_token(positive, values.dtype)), tf.int64)
    index = tf.where(line < classes, index, tf.constant(UNSEEN, tf.int64))
    return tf.where(missing, tf.constant(MISSING, tf.int64), index)


def class_names(
    transform: tft.TFTransformOutput, dtype: tf.DType, positive: str | int | None = None
) -> list[str]:
    """Return the classes in index order.

    Raises BadInput when the training data holds fewer than two classes, or `positive` is none of them.
    """
    tokens = sorted(token.decode(errors="replace") for token in transform.vocabulary_by_name(VOCABULARY))
    if len(tokens) < 2:
        only = tokens[0].lstrip("0") or "0"
        raise BadInput(f"the label has one class only in the training data ({only}): at least two are needed")
    names = tokens if dtype == tf.string else [str(int(token)) for token in tokens]
    if positive is None:
        return names
    if str(positive) not in names:
        raise BadInput(
            f"features.positive_class {positive!r} is none of the label's classes: {', '.join(names)}"
        )
    return [name for name in names if name != str(positive)] + [str(positive)]
