from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer_modules.translation import losses

LOGITS = np.random.default_rng(3).normal(size=[2, 3, 5]).astype(np.float32)
TOKENS = np.array([[4, 3, 0], [1, 4, 3]], np.int32)
WEIGHTS = (TOKENS != 0).astype(np.float32)
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
OWN = np.take_along_axis(LOG_P, TOKENS[..., np.newaxis], 2)[..., 0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_a_mean_over_tokens_without_padding(smoothing: float) -> None:
    each = -(1 - smoothing) * OWN - smoothing * LOG_P.mean(-1)
    loss = losses.TokenCrossentropy(smoothing)(TOKENS, tf.constant(LOGITS), WEIGHTS)
    assert float(loss) == pytest.approx((each * WEIGHTS).sum() / 5, rel=1e-5)


def test_perplexity_over_batches() -> None:
    metric = losses.Perplexity()
    for row in range(2):
        metric.update_state(TOKENS[row : row + 1], LOGITS[row : row + 1], WEIGHTS[row : row + 1])
    assert float(metric.result()) == pytest.approx(np.exp(-(OWN * WEIGHTS).sum() / 5), rel=1e-5)
