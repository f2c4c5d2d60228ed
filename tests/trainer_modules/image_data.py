"""Real images for the tests of the image classifier: the committed sample of Fashion-MNIST, as examples hold them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

SAMPLE = Path(__file__).parents[2] / "data" / "fashion_mnist_sample"


def fashion(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 28, 28, 1] and class indices [N] of the sample: train or t10k."""
    images = gzip.decompress((SAMPLE / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((SAMPLE / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28, 1), np.frombuffer(
        labels, np.uint8, offset=8
    )


def class_names() -> list[str]:
    return (SAMPLE / "classes.txt").read_text().splitlines()


def frame(images: Sequence[np.ndarray], labels: Sequence[str], encode: str = "png") -> pd.DataFrame:
    """Rows as ImageExampleGen writes them."""
    encoder = {"png": tf.io.encode_png, "jpeg": tf.io.encode_jpeg}[encode]
    return pd.DataFrame(
        {
            "image": [encoder(image).numpy() for image in images],
            "height": [image.shape[0] for image in images],
            "width": [image.shape[1] for image in images],
            "channels": [image.shape[2] for image in images],
            "label": list(labels),
            "file_name": [f"{number}.{encode}" for number in range(len(images))],
        }
    )


def fashion_frame(split: str = "train", rows: int | None = None) -> pd.DataFrame:
    images, labels = fashion(split)
    names = class_names()
    return frame(list(images[:rows]), [names[label] for label in labels[:rows]])
