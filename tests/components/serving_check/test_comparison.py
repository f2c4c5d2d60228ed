"""Served answers against the model's own: floats within a tolerance, everything else exactly."""

from __future__ import annotations

import numpy as np
import pytest

from components.serving_check.comparison import Difference, difference


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("served", "own"),
    [
        (floats(1.000005, -2.0), floats(1.0, -2.0)),
        (floats(100_000.5), floats(100_000.0)),
        (floats(np.nan, np.inf, -np.inf), floats(np.nan, np.inf, -np.inf)),
        (np.array([b"a\x00"], object), np.array([b"a\x00"], object)),
        (np.array(b"one"), np.array(b"one", object)),
        (np.array([2**62]), np.array([2**62])),
        (np.array([True, False]), np.array([True, False])),
        (floats(), floats()),
    ],
)
def test_the_same(served: np.ndarray, own: np.ndarray) -> None:
    assert difference({"y": served}, {"y": own}, 1e-5) is None


@pytest.mark.parametrize(
    ("served", "own", "expected"),
    [
        (floats(1.0, 2.5, 3.1), floats(1.0, 2.0, 3.0), Difference("y", "2.5", "2", row=1)),
        (floats(1.0001), floats(1.0), Difference("y", "1.00010002", "1", row=0)),
        (floats(np.nan), floats(1.0), Difference("y", "nan", "1", row=0)),
        (floats(1.0), floats(np.nan), Difference("y", "1", "nan", row=0)),
        (floats(1.0), floats(np.inf), Difference("y", "1", "inf", row=0)),
        (floats(-np.inf), floats(np.inf), Difference("y", "-inf", "inf", row=0)),
        (np.array([[1, 2], [3, 5]]), np.array([[1, 2], [3, 4]]), Difference("y", "5", "4", row=1)),
        (np.array([b"cat"], object), np.array([b"dog"], object), Difference("y", "'cat'", "'dog'", row=0)),
        (np.array([True]), np.array([False]), Difference("y", "True", "False", row=0)),
        (floats(1.0, 2.0), floats(1.0), Difference("y", "of shape [2]", "of shape [1]")),
        (np.array([1]), floats(1.0), Difference("y", "of type int64", "of type float32")),
        (np.array([b"1"], object), floats(1.0), Difference("y", "of type object", "of type float32")),
    ],
)
def test_different(served: np.ndarray, own: np.ndarray, expected: Difference) -> None:
    assert difference({"y": served}, {"y": own}, 1e-5) == expected


def test_outputs_that_are_missing_or_too_many() -> None:
    both = {"a": floats(1.0), "b": floats(1.0, 2.0)}
    assert difference({"a": both["a"]}, both, 1e-5) == Difference("b", "missing", "an output of shape [2]")
    assert difference(both, {"a": both["a"]}, 1e-5) == Difference("b", "an output of shape [2]", "missing")


def test_the_tolerance_is_absolute_plus_relative() -> None:
    own = {"y": floats(1000.0)}
    assert difference({"y": floats(1010.0)}, own, 0.01) is None
    assert difference({"y": floats(1010.5)}, own, 0.01) is not None
    assert difference({"y": floats(1000.0)}, own, 0.0) is None
