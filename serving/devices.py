"""What TensorFlow runs on."""

from __future__ import annotations

import tensorflow as tf


def find_devices() -> str:
    """`CPU`, or `CPU, GPU`. Makes TensorFlow look for them now, and say what it has to say of missing ones."""
    return ", ".join(dict.fromkeys(device.device_type for device in tf.config.list_physical_devices()))
