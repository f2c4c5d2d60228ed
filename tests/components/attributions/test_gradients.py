"""Integrated gradients against functions whose attributions are known."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components.attributions import gradients


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"x": random.normal(size=[7, 3]), "y": random.normal(size=[7, 1])}


def baseline(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.mean(axis=0, keepdims=True) for name, values in inputs.items()}


def test_a_line_is_attributed_exactly(inputs: dict[str, np.ndarray]) -> None:
    weights = np.array([2.0, -1.0, 0.0])

    def answer(values: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.reduce_sum(values["x"] * weights, axis=1) + 5 * values["y"][:, 0] + 3

    found = gradients.integrate(answer, inputs, baseline(inputs), steps=4)
    expected = (inputs["x"] - inputs["x"].mean(axis=0)) * weights
    np.testing.assert_allclose(found.values["x"], expected, atol=1e-5)
    np.testing.assert_allclose(found.values["y"], 5 * (inputs["y"] - inputs["y"].mean()), atol=1e-5)
    assert found.gaps.max() < 1e-5


def test_completeness_of_a_network(inputs: dict[str, np.ndarray]) -> None:
    """Attributions add up to the difference of the answers, the better the more steps."""
    random = np.random.default_rng(1)
    first, second = (tf.constant(random.normal(size=size), tf.float32) for size in ([4, 16], [16, 1]))

    def answer(values: dict[str, tf.Tensor]) -> tf.Tensor:
        hidden = tf.nn.tanh(tf.concat([values["x"], values["y"]], axis=1) @ first)
        return tf.sigmoid(hidden @ second)[:, 0]

    few, many = (gradients.integrate(answer, inputs, baseline(inputs), steps) for steps in (5, 200))
    assert np.abs(many.answers - many.of_baseline).mean() > 0.1
    assert many.gaps.max() < 1e-3
    assert many.gaps.mean() < few.gaps.mean() / 5
    sums = many.values["x"].sum(axis=1) + many.values["y"].sum(axis=1)
    np.testing.assert_allclose(sums, many.answers - many.of_baseline, atol=1e-3)


def test_what_the_answer_does_not_depend_on_has_nothing(inputs: dict[str, np.ndarray]) -> None:
    def answer(values: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.square(values["x"][:, 0])

    found = gradients.integrate(answer, inputs, baseline(inputs), steps=50)
    assert (found.values["y"] == 0).all()
    assert (found.values["x"][:, 1:] == 0).all()
    np.testing.assert_allclose(found.values["x"][:, 0], found.answers - found.of_baseline, rtol=1e-4)


def test_importances_overall_and_in_a_slice() -> None:
    values = {"a": np.array([1.0, -3.0, 2.0, 2.0]), "b": np.array([0.5, 0.5, 0.0, 0.0])}
    rows = gradients.importances(values, "", {"k=1": np.array([True, True, False, False])})
    assert [(row["slice"], row["feature"], row["importance"], row["mean"]) for row in rows] == [
        ("overall", "a", 2.0, 0.5),
        ("overall", "b", 0.25, 0.25),
        ("k=1", "a", 2.0, -1.0),
        ("k=1", "b", 0.5, 0.5),
    ]
    assert [row["share"] for row in rows] == pytest.approx([8 / 9, 1 / 9, 0.8, 0.2])
    error = np.std([1, 3, 2, 2], ddof=1) / 2
    assert (rows[0]["lower"], rows[0]["upper"]) == pytest.approx((2 - 1.96 * error, 2 + 1.96 * error))


def test_words_that_stand_in_several_texts_are_ranked() -> None:
    words = [["good", "film", "good"], ["bad", "film", ""], ["good", "", ""]]
    shares = [np.array([0.4, 0.1, 0.2]), np.array([-0.5, 0.1, 9.0]), np.array([0.3, 0.0, 0.0])]
    rows = gradients.tokens(words, shares, fewest=2)
    assert [(row["token"], row["examples"]) for row in rows] == [("good", 2), ("film", 2)]
    assert [row["mean"] for row in rows] == pytest.approx([0.3, 0.1])
