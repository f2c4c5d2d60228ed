from __future__ import annotations

import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import BadInput
from trainer_modules.common import fitting, optimizers
from trainer_modules.common.input_data import Split
from trainer_modules.common.training_config import EarlyStopping, Training
from trainer_modules.common.training_state import TrainingState


@pytest.mark.parametrize(
    ("settings", "examples", "expected"),
    [
        ({"batch_size": 32, "epochs": 3}, 241, (8, 3, 8)),
        ({"batch_size": 1, "epochs": 2}, 101, (102, 2, 34)),
        ({"batch_size": 10, "steps": 25}, 100, (10, 3, 10)),
        ({"batch_size": 10, "steps": 4}, 1000, (4, 1, 4)),
    ],
)
def test_plan(settings: dict[str, int], examples: int, expected: tuple[int, int, int]) -> None:
    found = fitting.plan(Training(**settings), examples)
    assert (found.steps_per_epoch, found.epochs, found.steps_per_execution) == expected


def test_balanced_weights_give_each_class_the_same_total() -> None:
    assert fitting.balanced_weights(np.array([0, 0, 0, 1]), 3) == {0: 4 / 9, 1: 4 / 3, 2: 1.0}


@pytest.mark.parametrize(
    ("decay", "after_one_epoch", "after_two"),
    [("none", 0.1, 0.1), ("exponential", 0.1 * 0.5**0.5, 0.05), ("step", 0.1, 0.05), ("cosine", 0.05, 0.0)],
)
def test_decay(decay: str, after_one_epoch: float, after_two: float) -> None:
    training = Training(learning_rate=0.1, decay=decay, decay_epochs=2, epochs=2)
    rate = optimizers.optimizer(training, 10, 2)._learning_rate
    at = [float(rate(step)) if callable(rate) else float(rate) for step in (10, 20)]
    assert at == pytest.approx([after_one_epoch, after_two], abs=1e-7)


@pytest.mark.parametrize("decay", ["none", "cosine"])
def test_warm_up_rises_to_the_rate_and_the_decay_begins_after_it(decay: str) -> None:
    training = Training(learning_rate=0.1, decay=decay, warmup_epochs=0.5)
    rate = optimizers.learning_rate(training, steps_per_epoch=10, epochs=2)
    risen = [0.02, 0.04, 0.06, 0.08, 0.1]
    assert [float(rate(step)) for step in range(5)] == pytest.approx(risen)
    expected = [0.1, 0.0] if decay == "cosine" else [0.1, 0.1]
    assert [float(rate(step)) for step in (5, 20)] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam"])
def test_weight_decay_shrinks_kernels_and_leaves_biases(name: str) -> None:
    training = Training(optimizer=name, learning_rate=0.5, weight_decay=0.1)
    layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    layer.build([None, 1])
    optimizer = optimizers.optimizer(training, 1, 1)
    optimizer.build(layer.trainable_variables)
    optimizer.apply([tf.zeros([1, 1]), tf.zeros([1])], layer.trainable_variables)
    kernel, bias = layer.get_weights()
    assert float(kernel[0, 0]) == pytest.approx(1 - 0.5 * 0.1)
    assert bias.tolist() == [1.0]


def line(rows: int) -> Split:
    x = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    return Split(3 * x, {"x": x}, tf.data.Dataset.from_tensors(x))


def model() -> keras.Model:
    inputs = {"x": keras.Input([1], name="x")}
    found = keras.Model(inputs, keras.layers.Dense(1)(inputs["x"]))
    found.compile(keras.optimizers.SGD(0.3), "mse", steps_per_execution=2, jit_compile=False)
    found.optimizer.build(found.trainable_variables)
    return found


def test_fit_writes_curves_and_logs_every_last_step(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = Training(batch_size=10, epochs=4)
    train, steps = line(20), fitting.plan(training, 20)
    state = TrainingState(training.early_stopping)
    with caplog.at_level(logging.INFO, logger="mlpipe.progress"):
        record = fitting.fit(model(), train, line(5), training, steps, str(tmp_path), state)
    assert json.loads((tmp_path / "learning_curves.json").read_text()) == record
    assert record["epoch"] == [1, 2, 3, 4]
    assert record["loss"][-1] < record["loss"][0]
    assert (record["steps"], record["parameters"], record["train_examples"], record["seed"]) == (8, 2, 20, 42)
    last = caplog.records[-1]
    assert (last.mlpipe_step, last.mlpipe_steps) == (8, 8)
    assert last.mlpipe_loss == pytest.approx(record["loss"][-1])
    assert last.getMessage() == f"step 8/8 loss {record['loss'][-1]:.4f}"
    assert list((tmp_path / "train").glob("events.out.tfevents.*"))


def test_training_stops_when_valid_gets_no_better_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    training = Training(batch_size=10, epochs=50, early_stopping=EarlyStopping(patience=2))
    opposite = line(20)
    valid = Split(-opposite.labels, opposite.inputs, opposite.stream)
    keras.utils.set_random_seed(1)
    fitted = model()
    fitted.set_weights([np.array([[-2.0]], np.float32), np.array([0.0], np.float32)])
    state = TrainingState(training.early_stopping)
    record = fitting.fit(fitted, line(20), valid, training, fitting.plan(training, 20), str(tmp_path), state)
    assert record["stopped_early"]
    assert record["best_epoch"] == 1
    assert record["epoch"] == [1, 2, 3]
    restored = float(np.mean((fitted.predict(valid.inputs, verbose=0) - valid.labels) ** 2))
    assert restored == pytest.approx(record["val_loss"][0], rel=1e-5)


def test_a_further_stage_goes_on_with_curves_patience_and_the_best_epoch(tmp_path: Path) -> None:
    training = Training(batch_size=10, epochs=3, early_stopping=EarlyStopping(patience=2))
    opposite = line(20)
    valid = Split(-opposite.labels, opposite.inputs, opposite.stream)
    fitted = model()
    fitted.set_weights([np.array([[-2.0]], np.float32), np.array([0.0], np.float32)])
    first = TrainingState(training.early_stopping, tmp_path / "first")
    steps = fitting.plan(training, 20)
    record = fitting.fit(fitted, line(20), valid, training, steps, str(tmp_path), first)
    assert record["epoch"] == [1, 2, 3]
    best = record["val_loss"][0]

    second = TrainingState(training.early_stopping, tmp_path / "second")
    second.follow(first)
    longer = fitting.Plan(steps.steps_per_epoch, 10, steps.steps_per_execution)
    record = fitting.fit(fitted, line(20), valid, training, longer, str(tmp_path), second)
    assert record["epoch"] == [1, 2, 3, 4, 5]
    assert (record["best_epoch"], record["stopped_early"], record["resumed_after_epoch"]) == (1, True, 0)
    restored = float(np.mean((fitted.predict(valid.inputs, verbose=0) - valid.labels) ** 2))
    assert restored == pytest.approx(best, rel=1e-5)

    resumed = TrainingState(training.early_stopping, tmp_path / "second")
    resumed.follow(first)
    again = fitting.fit(model(), line(20), valid, training, longer, str(tmp_path), resumed)
    assert (again["epoch"], again["resumed_after_epoch"]) == ([1, 2, 3, 4, 5], 5)


def test_a_metric_that_the_task_lacks_is_named(tmp_path: Path) -> None:
    training = Training(batch_size=10, epochs=1, early_stopping=EarlyStopping(metric="auc"))
    state = TrainingState(training.early_stopping)
    with pytest.raises(BadInput, match=r"early_stopping.metric: 'auc' is none of loss"):
        fitting.fit(model(), line(20), line(5), training, fitting.plan(training, 20), str(tmp_path), state)
