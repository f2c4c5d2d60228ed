"""Pictures to serialized tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from components.image_example_gen import thumbnails
from components.image_example_gen.picture import Picture


def serialize(picture: Picture, columns: Mapping[str, Any]) -> bytes:
    """The example of a picture, the same bytes every time.

    columns: file_name, labels and further columns; text, int, float, or None for a missing value.
    """
    example = tf.train.Example()
    features = example.features.feature
    features["image"].bytes_list.value.append(picture.encoded)
    for name in ("height", "width", "channels", "size"):
        features[name].int64_list.value.append(getattr(picture, name))
    features["brightness"].float_list.value.append(thumbnails.brightness(picture.thumbnail))
    for name, value in columns.items():
        if isinstance(value, str):
            features[name].bytes_list.value.append(value.encode())
        elif isinstance(value, float):
            features[name].float_list.value.append(value)
        elif value is not None:
            features[name].int64_list.value.append(value)
        else:
            features[name].SetInParent()
    return example.SerializeToString(deterministic=True)
