"""Losses and metrics of a task keep their names, however many models a process has built."""

from __future__ import annotations

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
