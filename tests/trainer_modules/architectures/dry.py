"""Models whose weights have shapes but no values: counting 138 million parameters takes no memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import keras


@contextmanager
def no_weights() -> Iterator[None]:
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session(free_memory=False)  # forgets the variables that wait for their values


def count(build: Callable[[], keras.Model]) -> tuple[int, int]:
    """Trainable parameters and moving statistics."""
    with no_weights():
        model = build()
        return _size(model.trainable_weights), _size(model.non_trainable_weights)


def costs(build: Callable[[], keras.Model]) -> tuple[int, int]:
    """Trainable parameters, and multiplications of the convolutions for one image."""
    with no_weights():
        model = build()
        layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        return (
            _size(model.trainable_weights),
            sum(math.prod(layer.output.shape[1:3]) * _size([layer.kernel]) for layer in layers),
        )


def _size(weights: Iterable[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
