"""Where a token stands, as numbers that a network can compare: sinusoids.

Source: A. Vaswani et al., "Attention is all you need" (2017), section 3.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def sinusoids(places: Any, units: int) -> tf.Tensor:
    """Return float32 [N, units] of the positions [N]: even numbers are sines, odd ones cosines.

    Their wavelengths go from 2π to 10000·2π.
    """
    rates = (10000.0 ** (-np.arange(0, units, 2) / units)).astype(np.float32)
    angles = tf.cast(places, tf.float32)[:, tf.newaxis] * rates
    both = tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1)
    return tf.reshape(both, [-1, 2 * len(rates)])[:, :units]
