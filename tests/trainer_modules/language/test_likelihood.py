from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_modules.language import tiny
from trainer_modules.language import likelihood
from trainer_modules.language.network import LanguageNetwork


def ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int32)


def by_steps(model: LanguageNetwork, row: list[int]) -> float:
    """The sum of log P of each token, each from a softmax in numpy over one step of the network."""
    state, total, last, step = model.start(tf.constant(1)), 0.0, 2, tf.function(model.step)
    for token in row:
        logits, state = step(tf.constant([last]), state)
        exact = logits.numpy()[0].astype(np.float64)
        total += exact[token] - np.log(np.exp(exact).sum())
        last = token
    return total


def test_what_is_seen_and_what_follows() -> None:
    ids = ragged([5, 6, 7], [], [8])
    seen, follows = likelihood.of_texts(ids, end=False)
    assert seen.numpy().tolist() == [[2, 5, 6], [2, 0, 0], [2, 8, 0]]
    assert follows.numpy().tolist() == [[5, 6, 7], [0, 0, 0], [8, 0, 0]]
    seen, follows = likelihood.of_texts(ids, end=True)
    assert seen.numpy().tolist() == [[2, 5, 6, 7], [2, 0, 0, 0], [2, 8, 0, 0]]
    assert follows.numpy().tolist() == [[5, 6, 7, 3], [3, 0, 0, 0], [8, 3, 0, 0]]


def test_texts_without_a_token() -> None:
    seen, follows = likelihood.of_texts(ragged([], []), end=False)
    assert likelihood.log_likelihood(tiny.network("gru"), seen, follows).numpy().tolist() == [0, 0]


@pytest.mark.parametrize("name", tiny.QUICK_FIRST)
def test_log_likelihood_is_that_of_the_steps_for_short_and_long_texts(name: str) -> None:
    rows = [tiny.tokens(1, n, seed=n)[0].numpy().tolist() for n in (1, 7, 8, 9, 16, 29)]
    model = tiny.network(name)

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)])
    def of(ids: tf.RaggedTensor) -> tf.Tensor:
        return likelihood.log_likelihood(model, *likelihood.of_texts(ids, end=False))

    found = of(ragged(*rows, [])).numpy()
    np.testing.assert_allclose(found, [*(by_steps(model, row) for row in rows), 0], rtol=1e-5)
    alone = [of(ragged(row))[0] for row in rows]
    np.testing.assert_allclose(found[:-1], alone, rtol=1e-5)


def test_rows_are_scored_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.network("gru")
    texts = likelihood.of_texts(tf.RaggedTensor.from_tensor(tiny.tokens(7, 10)), end=True)
    expected = likelihood.log_likelihood(model, *texts)
    monkeypatch.setattr(likelihood, "_LOGITS", 3 * model.context * tiny.SIZE)
    assert likelihood.rows_at_once(model.context, model.size) == 3
    np.testing.assert_allclose(likelihood.log_likelihood(model, *texts), expected, rtol=1e-6)


def test_a_uniform_model_hesitates_between_all_tokens() -> None:
    model = tiny.network("gru")
    for weight in model.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    texts = likelihood.of_texts(tf.RaggedTensor.from_tensor(tiny.tokens(2, 20)), end=False)
    total = likelihood.log_likelihood(model, *texts)
    np.testing.assert_allclose(np.exp(-np.sum(total) / 40), tiny.SIZE, rtol=1e-5)
