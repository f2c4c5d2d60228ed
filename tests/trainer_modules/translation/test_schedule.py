from __future__ import annotations

import pytest

from trainer_modules.sequence_to_sequence_config import Training
from trainer_modules.translation import schedule


def test_the_rate_is_that_of_the_paper() -> None:
    units, warmup = 512, 4000
    rate = schedule.Noam((units * warmup) ** -0.5, warmup)
    for step in (1, 100, 4000, 16_000, 100_000):
        paper = units**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert float(rate(step - 1)) == pytest.approx(paper, rel=1e-5)


def test_peak_and_quarter() -> None:
    rate = schedule.Noam(0.002, 100)
    assert float(rate(49)) == pytest.approx(0.001)
    assert float(rate(99)) == pytest.approx(0.002)
    assert float(rate(399)) == pytest.approx(0.001)


def test_the_optimizer_has_the_schedule_and_clips() -> None:
    found = schedule.optimizer(Training(schedule="noam", learning_rate=0.5, warmup_steps=10), 5, 2)
    assert float(found.learning_rate) == pytest.approx(0.05)
    assert (found.beta_2, found.epsilon, found.global_clipnorm) == (0.98, 1e-9, 1.0)
    plain = schedule.optimizer(Training(clip_norm=0.0, learning_rate=0.5), 5, 2)
    assert float(plain.learning_rate) == pytest.approx(0.5)
    assert (plain.beta_2, plain.global_clipnorm) == (0.999, None)
