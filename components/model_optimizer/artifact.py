"""The artifact that holds the forms."""

from __future__ import annotations

from tfx.types import artifact


class EdgeModel(artifact.Artifact):
    """TensorFlow Lite forms of one model: `<form>/model.tflite` with labels and metadata, and `optimized.json`.

    A type of its own: as a Model it would be a candidate for what looks for the latest one.
    """

    TYPE_NAME = "EdgeModel"
