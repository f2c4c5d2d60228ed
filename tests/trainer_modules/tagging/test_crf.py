"""The recursions against all sequences of a few tags, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.tagging import crf

TAGS = 3
LENGTHS = np.array([4, 1, 2], np.int32)


@pytest.fixture
def problem() -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    return {
        "scores": random.normal(size=(3, 4, TAGS)).astype(np.float32),
        "start": random.normal(size=TAGS).astype(np.float32),
        "steps": random.normal(size=(TAGS, TAGS)).astype(np.float32),
    }


def total(problem: dict[str, np.ndarray], row: int, tags: tuple[int, ...]) -> float:
    value = problem["start"][tags[0]] + sum(problem["scores"][row, i, tag] for i, tag in enumerate(tags))
    return float(value + sum(problem["steps"][a, b] for a, b in itertools.pairwise(tags)))


def all_sequences(length: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(TAGS), repeat=length))


def test_partition_sums_over_all_sequences(problem: dict[str, np.ndarray]) -> None:
    found = crf.log_partition(problem["scores"], LENGTHS, problem["start"], problem["steps"]).numpy()
    for row, length in enumerate(LENGTHS):
        sums = [total(problem, row, tags) for tags in all_sequences(length)]
        assert found[row] == pytest.approx(np.logaddexp.reduce(sums), abs=1e-4)


def test_likelihoods_of_all_sequences_add_up_to_one(problem: dict[str, np.ndarray]) -> None:
    for row, length in enumerate(LENGTHS):
        likelihoods = []
        for tags in all_sequences(length):
            padded = np.zeros([1, 4], np.int32)
            padded[0, :length] = tags
            likelihood = crf.log_likelihood(
                problem["scores"][row : row + 1],
                padded,
                LENGTHS[row : row + 1],
                problem["start"],
                problem["steps"],
            )
            likelihoods.append(likelihood.numpy()[0])
        assert np.exp(likelihoods).sum() == pytest.approx(1, abs=1e-4)


def test_best_is_the_sequence_of_the_highest_score(problem: dict[str, np.ndarray]) -> None:
    found = crf.best(problem["scores"], LENGTHS, problem["start"], problem["steps"]).numpy()
    for row, length in enumerate(LENGTHS):
        expected = max(all_sequences(length), key=lambda tags: total(problem, row, tags))
        assert tuple(found[row, :length]) == expected
        assert not found[row, length:].any()


def test_sentences_of_one_token(problem: dict[str, np.ndarray]) -> None:
    scores, one = problem["scores"][:, :1], np.ones(3, np.int32)
    found = crf.best(scores, one, problem["start"], problem["steps"]).numpy()
    np.testing.assert_array_equal(found[:, 0], np.argmax(scores[:, 0] + problem["start"], axis=1))
    assert np.isfinite(crf.log_partition(scores, one, problem["start"], problem["steps"]).numpy()).all()


def test_without_steps_it_is_a_softmax_of_each_token(problem: dict[str, np.ndarray]) -> None:
    tags = np.array([[0, 1, 2, 0], [2, 0, 0, 0], [1, 1, 0, 0]], np.int32)
    free = np.zeros(TAGS, np.float32), np.zeros((TAGS, TAGS), np.float32)
    found = crf.log_likelihood(problem["scores"], tags, LENGTHS, *free).numpy()
    each = tf.nn.log_softmax(problem["scores"]).numpy()
    expected = [sum(each[row, i, tags[row, i]] for i in range(n)) for row, n in enumerate(LENGTHS)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
