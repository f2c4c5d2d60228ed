from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules.common import warm_start


def linear(inputs: int, outputs: int, value: float) -> keras.Model:
    constant = keras.initializers.Constant(value)
    layer = keras.layers.Dense(outputs, kernel_initializer=constant, bias_initializer=constant)
    return keras.Sequential([keras.Input([inputs]), layer])


def test_rows_go_to_the_inputs_of_the_same_name(tmp_path: Path) -> None:
    before = linear(3, 1, 0.0)
    before.layers[-1].set_weights([np.array([[1.0], [2.0], [3.0]]), np.array([4.0])])
    warm_start.save(str(tmp_path), before, ["a", "b", "c"], ["y"])
    after = linear(3, 1, 9.0)
    assert warm_start.apply(after, str(tmp_path), ["new", "c", "a"], ["y"])
    kernel, bias = after.layers[-1].get_weights()
    assert kernel[:, 0].tolist() == [9.0, 3.0, 1.0]
    assert bias.tolist() == [4.0]


def test_without_names_every_weight_has_to_have_its_shape(tmp_path: Path) -> None:
    before = linear(3, 1, 0.0)
    before.layers[-1].set_weights([np.array([[1.0], [2.0], [3.0]]), np.array([4.0])])
    warm_start.save(str(tmp_path), before, (), ["y"])
    after = linear(3, 1, 9.0)
    assert warm_start.apply(after, str(tmp_path), (), ["y"])
    assert after.layers[-1].get_weights()[0][:, 0].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(BadInput, match=r"has shape \[2, 1\] instead of \[3, 1\]"):
        warm_start.apply(linear(2, 1, 9.0), str(tmp_path), (), ["y"])


def test_other_outputs_do_not_fit(tmp_path: Path) -> None:
    warm_start.save(str(tmp_path), linear(1, 2, 1.0), ["a"], ["x", "y"])
    after = linear(1, 2, 9.0)
    with pytest.raises(BadInput, match="outputs x, z instead of x, y"):
        warm_start.apply(after, str(tmp_path), ["a"], ["x", "z"])
    assert not warm_start.apply(after, str(tmp_path), ["a"], ["x", "z"], if_compatible=True)
    assert after.layers[-1].get_weights()[1].tolist() == [9.0, 9.0]


def test_a_model_without_weights_beside_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no weights to start from"):
        warm_start.apply(linear(1, 1, 0.0), str(tmp_path), ["a"], ["y"])
