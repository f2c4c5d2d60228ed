"""Losses and metrics of a task keep their names, however many models a process has built."""

from __future__ import annotations

import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules.common.losses import loss_and_metrics
from trainer_modules.common.training_config import Training


@pytest.mark.parametrize(("task", "names"), [("binary", ["accuracy", "auc"]), ("multiclass", ["accuracy"])])
def test_metrics_keep_their_names_in_the_second_model_of_a_process(task: str, names: list[str]) -> None:
    for _ in range(2):
        _, metrics = loss_and_metrics(task, Training(), ["label"], None)
        assert [metric.name for metric in metrics] == names


def test_a_loss_of_another_task_is_named_with_those_that_fit() -> None:
    with pytest.raises(BadInput, match=r"trainer\.training\.loss: mse is not for task binary; it takes"):
        loss_and_metrics("binary", Training(loss="mse"), ["label"], None)


def test_label_smoothing_gives_a_share_to_every_class() -> None:
    loss, _ = loss_and_metrics("multiclass", Training(label_smoothing=0.1), ["label"], None)
    logits = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]], np.float32)
    target = np.array([[1 - 0.1 + 0.1 / 3, 0.1 / 3, 0.1 / 3], [0.1 / 3, 0.1 / 3, 1 - 0.1 + 0.1 / 3]])
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(target * log_softmax).sum(axis=1).mean()
    assert float(loss(np.array([0, 2]), logits)) == pytest.approx(expected, rel=1e-5)
    binary, _ = loss_and_metrics("binary", Training(label_smoothing=0.2), ["label"], None)
    chance = 1 / (1 + np.exp(-2.0))
    expected = -(0.9 * np.log(chance) + 0.1 * np.log(1 - chance))
    assert float(binary(np.array([[1.0]]), np.array([[2.0]]))) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_is_for_classes() -> None:
    with pytest.raises(BadInput, match="label_smoothing is for classes"):
        loss_and_metrics("regression", Training(label_smoothing=0.1), ["y"], np.array([1.0]))
