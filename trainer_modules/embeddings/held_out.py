"""How probable the neighbours of the words of a text are, in the graph."""

from __future__ import annotations

import tensorflow as tf

from trainer_modules.text.tokenizer_config import RESERVED

Tensors = dict[str, tf.Tensor]


def likelihood(
    ids: tf.RaggedTensor,
    words: tf.Tensor,
    contexts: tf.Tensor,
    scale: tf.Tensor,
    offsets: tf.Tensor,
    log_normalisers: tf.Tensor,
    unigram: tf.Tensor,
    window: int,
) -> Tensors:
    """Return natural logarithms summed over all pairs of each text [B], and how many pairs it has.

    Every word of a text is predicted from each of its neighbours up to `window` words away. Tokens without a vector are
    left out first. For a pair (w, c) `log_likelihood` adds scale * w . c + offset(c) - log_normaliser(w), which is log P(c | w)
    over the whole vocabulary, and `unigram_log_likelihood` adds log P(c).

    Args:
      ids: int32 [B, None] of the tokenizer.
      words: vectors float32 [V, D] of centres, of the ids from RESERVED on.
      contexts: vectors float32 [V, D] of contexts.
      scale: float32, of all products.
      offsets: float32 [V], what a context adds to every score.
      log_normalisers: float32 [V], of each centre.
      unigram: float32 [V], log P of each word by its frequency.
      window: most words between a word and its neighbour, and one.
    """
    ids = tf.ragged.boolean_mask(ids, ids >= RESERVED)
    known, texts, rows = ids.flat_values - RESERVED, ids.value_rowids(), ids.nrows()
    total, plain, pairs = tf.zeros(rows), tf.zeros(rows), tf.zeros(rows)
    for distance in range(1, window + 1):
        together = texts[:-distance] == texts[distance:]
        first, second = (tf.boolean_mask(some, together) for some in (known[:-distance], known[distance:]))
        text = tf.boolean_mask(texts[distance:], together)

        def summed(values: tf.Tensor, text: tf.Tensor = text) -> tf.Tensor:
            return tf.math.unsorted_segment_sum(values, text, rows)

        for centre, context in ((first, second), (second, first)):
            near = tf.reduce_sum(tf.gather(words, centre) * tf.gather(contexts, context), axis=1)
            total += summed(scale * near + tf.gather(offsets, context) - tf.gather(log_normalisers, centre))
            plain += summed(tf.gather(unigram, context))
            pairs += summed(tf.ones_like(near))
    return {"log_likelihood": total, "tokens": pairs, "unigram_log_likelihood": plain}
