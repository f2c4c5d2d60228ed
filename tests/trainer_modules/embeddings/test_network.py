"""Losses and probabilities against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.embeddings import held_out
from trainer_modules.embeddings.network import Embeddings, GloVe, SkipGram

SIZE, DIMENSIONS = 6, 3
BIAS, PRIOR = np.linspace(-1, 1, SIZE), np.linspace(0, -2, SIZE)


def random_weights(model: Embeddings) -> Embeddings:
    random = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
    return model


def skip_gram() -> Embeddings:
    return random_weights(SkipGram(SIZE, DIMENSIONS, BIAS, PRIOR, 1))


def parts(model: Embeddings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return model.words.numpy(), model.contexts.numpy(), model.bias.numpy()


def test_untrained_it_predicts_what_bias_and_prior_say() -> None:
    model = SkipGram(SIZE, DIMENSIONS, BIAS, PRIOR, 1)
    expected = BIAS + PRIOR - np.log(np.exp(BIAS + PRIOR).sum())
    np.testing.assert_allclose(model(tf.range(SIZE)), np.tile(expected, (SIZE, 1)), rtol=1e-5)


def test_skip_gram_tells_a_context_from_words_drawn() -> None:
    model = skip_gram()
    words, contexts, bias = parts(model)
    loss = 0.0
    for centre, context, negatives in ((2, 4, (0, 0)), (5, 1, (3, 1))):
        score = words[centre] @ contexts[context] + bias[context]
        loss -= np.log(1 / (1 + np.exp(-score)))
        for other in negatives:
            score = words[centre] @ contexts[other] + bias[other]
            loss -= np.log(1 / (1 + np.exp(score)))
    found = model.objective(tf.constant([2, 5]), tf.constant([4, 1]), tf.constant([[0, 0], [3, 1]]))
    assert float(found) == pytest.approx(loss / 2, rel=1e-5)


def test_glove_fits_logarithms_of_counts() -> None:
    model = random_weights(GloVe(SIZE, DIMENSIONS, BIAS, PRIOR, 1, x_max=10.0, alpha=0.5))
    words, contexts, bias = parts(model)
    word_bias = model.trainable_variables[-1].numpy()
    loss = 0.0
    for centre, context, count in ((2, 4, 2.5), (5, 1, 40.0)):
        error = words[centre] @ contexts[context] + word_bias[centre] + bias[context] - np.log(count)
        loss += min(1, (count / 10) ** 0.5) * error**2
    found = model.objective(tf.constant([2, 5]), tf.constant([4, 1]), tf.constant([2.5, 40.0]))
    assert float(found) == pytest.approx(loss / 2, rel=1e-5)
    np.testing.assert_allclose(model.vectors(), words + contexts, rtol=1e-6)


def test_a_held_out_text_is_as_probable_as_its_pairs() -> None:
    model = skip_gram()
    model.scale.assign(0.7)
    words, contexts, bias = parts(model)
    unigram = np.log(np.arange(1, SIZE + 1) / 21)
    texts = [[4, 9, 5, 1, 7, 4], [], [8], [1, 1], [6, 6]]
    window = 2
    expected = np.zeros((len(texts), 3))
    for row, text in enumerate(texts):
        known = [token - 4 for token in text if token >= 4]
        for place, centre in enumerate(known):
            scores = 0.7 * contexts @ words[centre] + bias + PRIOR
            for other, context in enumerate(known):
                if 0 < abs(place - other) <= window:
                    likelihood = scores[context] - np.log(np.exp(scores).sum())
                    expected[row] += likelihood, 1, unigram[context]
    found = held_out.likelihood(
        tf.ragged.constant(texts, dtype=tf.int32),
        model.words.value,
        model.contexts.value,
        model.scale.value,
        model.offsets(),
        tf.constant(model.log_normalisers()),
        tf.constant(unigram, tf.float32),
        window,
    )
    assert expected[:, 1].tolist() == [14, 0, 0, 0, 2]
    for column, name in enumerate(("log_likelihood", "tokens", "unigram_log_likelihood")):
        np.testing.assert_allclose(found[name], expected[:, column], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_loss_of_a_split_is_the_mean_over_its_pairs() -> None:
    model = skip_gram()
    model.compile(optimizer="sgd")
    logged = model(tf.range(SIZE)).numpy()
    batches = [
        ([0, 2], [0, 0, 1], [1, 5, 3], [2.0, 1.0, 4.0]),
        ([5], [0], [0], [3.0]),
    ]
    expected = -(2 * logged[0, 1] + logged[0, 5] + 4 * logged[2, 3] + 3 * logged[5, 0]) / 10

    def given():  # type: ignore[no-untyped-def]
        for batch in batches:
            yield tuple(
                np.array(column, np.float32 if place == 3 else np.int32) for place, column in enumerate(batch)
            )

    specs = tuple(tf.TensorSpec([None], kind) for kind in (tf.int32, tf.int32, tf.int32, tf.float32))
    found = model.evaluate(
        tf.data.Dataset.from_generator(given, output_signature=specs), verbose=0, return_dict=True
    )
    assert found["loss"] == pytest.approx(expected, rel=1e-5)
    assert found["perplexity"] == pytest.approx(np.exp(expected), rel=1e-5)


def test_untrained_glove_expects_the_counts_of_independent_words() -> None:
    model = GloVe(SIZE, DIMENSIONS, BIAS, PRIOR, 1, x_max=10.0, alpha=0.5)
    expected = PRIOR - np.log(np.exp(PRIOR).sum())
    np.testing.assert_allclose(model(tf.range(SIZE)), np.tile(expected, (SIZE, 1)), rtol=1e-5)
    counts = tf.constant(np.exp(BIAS[[2, 5]] + PRIOR[[4, 1]]), tf.float32)
    assert float(model.objective(tf.constant([2, 5]), tf.constant([4, 1]), counts)) == pytest.approx(
        0, abs=1e-9
    )


def test_the_scale_is_that_of_the_most_probable_pairs() -> None:
    model = random_weights(GloVe(SIZE, DIMENSIONS, BIAS, PRIOR, 1, x_max=10.0, alpha=0.5))
    words, contexts, _ = parts(model)
    near = words @ contexts.T

    def logged(scale: float) -> np.ndarray:
        scores = scale * near + PRIOR
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    # As often as a scale of 0.4 expects.
    centres, contexts_of = (grid.ravel().astype(np.int32) for grid in np.indices((SIZE, SIZE)))
    counts = np.exp(logged(0.4)).ravel().astype(np.float32)
    batch = tuple(
        tf.constant(column) for column in (np.arange(SIZE, dtype=np.int32), centres, contexts_of, counts)
    )
    model.calibrate([batch])
    assert float(model.scale.numpy()) == pytest.approx(0.4)
    np.testing.assert_allclose(model(tf.range(SIZE)), logged(0.4), rtol=1e-4, atol=1e-5)
    expected = -(counts * logged(0.4).ravel()).sum() / counts.sum()
    for mean in model.measured:
        mean.reset_state()
    assert float(model.test_step(batch)["loss"]) == pytest.approx(expected, rel=1e-5)
