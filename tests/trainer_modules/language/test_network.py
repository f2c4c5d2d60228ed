from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_modules.language import tiny

ALL = sorted(tiny.SETTINGS)


@pytest.mark.parametrize("name", ALL)
def test_a_later_token_changes_nothing_before_it(name: str) -> None:
    model, tokens = tiny.network(name), tiny.tokens(2, 7)
    before = model(tokens).numpy()
    changed = tf.concat([tokens[:, :4], (tokens[:, 4:5] - 3) % 7 + 4, tokens[:, 5:]], axis=1)
    after = model(changed).numpy()
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-6)
    assert np.abs(after[:, 4:] - before[:, 4:]).max(axis=(0, 2)).min() > 1e-3


@pytest.mark.parametrize("name", ALL)
def test_steps_give_the_logits_of_the_whole(name: str) -> None:
    model, tokens = tiny.network(name), tiny.tokens(3, 7)
    whole = model(tokens).numpy()
    state = model.start(tf.constant(3))
    for place in range(7):
        logits, state = model.step(tokens[:, place], state)
        np.testing.assert_allclose(logits, whole[:, place], atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_prompt_is_read_as_step_by_step_whatever_its_length_and_padding(name: str) -> None:
    model, tokens = tiny.network(name), tiny.tokens(6, 21)
    lengths = [0, 1, 7, 8, 9, 21]
    state = model.read(tokens, tf.constant(lengths))
    for row, length in enumerate(lengths):
        own = model.start(tf.constant(1))
        for place in range(length):
            _, own = model.step(tokens[row : row + 1, place], own)
        packed = model.packed(own)
        np.testing.assert_allclose(model.packed(state)[row : row + 1], packed, atol=1e-3)
        next_one = tf.constant([7])
        expected, _ = model.step(next_one, own)
        of_all, _ = model.step(tf.repeat(next_one, 6), state)
        np.testing.assert_allclose(of_all[row], expected[0], atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_packed_state_is_the_state(name: str) -> None:
    model, tokens = tiny.network(name), tiny.tokens(2, 5)
    state = model.read(tokens, tf.constant([5, 3]))
    packed = model.packed(state)
    spec = model.packed_spec()
    assert spec.is_compatible_with(packed)
    again = model.unpacked(packed)
    expected, _ = model.step(tf.constant([4, 6]), state)
    found, _ = model.step(tf.constant([4, 6]), again)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_transformer_sees_half_a_context_at_least() -> None:
    model = tiny.network("transformer")
    state = model.start(tf.constant(1))
    counts = []
    for token in range(17):
        _, state = model.step(tf.constant([4 + token % 7]), state)
        counts.append(int(state["count"][0]))
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8, 5]
    assert state["tokens"][0].numpy().tolist() == [4 + token % 7 for token in range(12, 17)] + [0, 0, 0]
