from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.translation.attention import Attention, MultiHeadAttention

RNG = np.random.default_rng(5)
QUERY = RNG.normal(size=[2, 3, 4]).astype(np.float32)
MEMORY = RNG.normal(size=[2, 5, 4]).astype(np.float32)
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def expected_scores(layer: Attention) -> np.ndarray:
    """The score of each query and each memory, one by one as the papers write them."""
    scores = np.zeros([2, 3, 5])
    for row in range(2):
        for t in range(3):
            for s in range(5):
                q, m = QUERY[row, t], MEMORY[row, s]
                if layer.score == "dot":
                    scores[row, t, s] = q @ m
                elif layer.score == "multiplicative":
                    scores[row, t, s] = q @ (m @ layer.of_memory.kernel.numpy())
                else:
                    inner = m @ layer.of_memory.kernel.numpy() + q @ layer.of_query.kernel.numpy()
                    scores[row, t, s] = np.tanh(inner) @ layer.of_sum.kernel.numpy()[:, 0]
    return scores


@pytest.mark.parametrize("score", ["dot", "multiplicative", "additive"])
def test_attention_is_the_papers(score: str) -> None:
    layer = Attention(score, 4)
    memory = tf.constant(MEMORY)
    context, weights = layer(tf.constant(QUERY), layer.keys(memory), memory, mask=tf.constant(MASK))
    expected = softmax(np.where(MASK[:, np.newaxis], expected_scores(layer), -np.inf))
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(context, expected @ MEMORY, atol=1e-5)
    assert (weights.numpy()[0, :, 3:] == 0).all()


def test_heads_are_attentions_of_their_own_side_by_side() -> None:
    layer = MultiHeadAttention(2, 4)
    memory = tf.constant(MEMORY)
    keys, values = layer.keys_and_values(memory)
    found, weights = layer(tf.constant(QUERY), keys, values, tf.constant(MASK)[:, np.newaxis, np.newaxis])
    query = QUERY @ layer.of_query.kernel.numpy()
    heads = []
    for head, part in enumerate((slice(0, 2), slice(2, 4))):
        scores = query[..., part] @ keys.numpy()[..., part].transpose(0, 2, 1) / np.sqrt(2)
        expected = softmax(np.where(MASK[:, np.newaxis], scores, -np.inf))
        np.testing.assert_allclose(weights[:, head], expected, atol=1e-6)
        heads.append(expected @ values.numpy()[..., part])
    np.testing.assert_allclose(found, np.concatenate(heads, -1) @ layer.of_all.kernel.numpy(), atol=1e-5)
