"""The artifact that holds attributions."""

from __future__ import annotations

from tfx.types import artifact


class FeatureAttributions(artifact.Artifact):
    """Attributions of one model: `attributions.json`, and pictures of those of images."""

    TYPE_NAME = "FeatureAttributions"
