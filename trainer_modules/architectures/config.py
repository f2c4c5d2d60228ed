"""Which image classifier is built, and how large (no Keras here: the command line reads it)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from trainer_modules.common.training_config import Section

Name = Literal[
    "softmax",
    "mlp",
    "simple_cnn",
    "lenet5",
    "alexnet",
    "vgg16",
    "resnet",
    "inception",
    "mobilenet_v1",
    "mobilenet_v2",
    "efficientnet",
    "cspnet",
]

# The first one is the default.
VARIANTS: dict[str, tuple[str, ...]] = {
    "simple_cnn": ("fashion_mnist", "cifar10"),
    "alexnet": ("two_towers", "one_tower"),
    "vgg16": ("plain", "batch_norm"),
    "resnet": ("18", "34", "50", "101", "152"),
    "inception": ("batch_norm", "plain"),
    "efficientnet": ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "lite0"),
    "cspnet": ("121", "169", "201"),
}
NO_REPEATED_LAYERS = ("softmax", "simple_cnn", "lenet5", "alexnet")

# Compound scaling fixes the image size together with the depth and the width.
EFFICIENTNET_IMAGE_SIZES = {
    "b0": 224,
    "b1": 240,
    "b2": 260,
    "b3": 300,
    "b4": 380,
    "b5": 456,
    "b6": 528,
    "b7": 600,
    "lite0": 224,
}


class ArchitectureConfig(Section):
    """An architecture, its variant, and how much wider or deeper than in its paper it is."""

    architecture: Name
    variant: str | None = Field(None, description="which of the paper's sizes or forms; default: the first")
    width: float = Field(1.0, gt=0, le=16, description="factor for the channels of every hidden layer")
    depth: float = Field(1.0, gt=0, le=16, description="factor for the layers of every stage, rounded up")
    dropout: float | None = Field(None, ge=0, lt=1, description="default: as in the paper")

    @field_validator("variant", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value

    @model_validator(mode="after")
    def _what_the_architecture_has(self) -> ArchitectureConfig:
        name, variants = self.architecture, VARIANTS.get(self.architecture, ())
        if self.variant is not None and self.variant not in variants:
            valid = f"one of {', '.join(variants)}" if variants else "left out: there is one form only"
            raise ValueError(f"variant: {self.variant!r} is none of {name}; it must be {valid}")
        if self.depth != 1 and name in NO_REPEATED_LAYERS:
            raise ValueError(f"depth: {self.depth:g} does not fit {name}, which has no stages; it must be 1")
        if name == "softmax" and self.width != 1:
            raise ValueError(
                f"width: {self.width:g} does not fit softmax, which has no hidden layer; it must be 1"
            )
        if name == "softmax" and self.dropout:
            raise ValueError(
                f"dropout: {self.dropout:g} does not fit softmax, which has no hidden layer; it must be 0"
            )
        return self

    @property
    def form(self) -> str:
        """The variant, with the default in place of None; "" where there is one form only."""
        return self.variant or VARIANTS.get(self.architecture, ("",))[0]

    @property
    def image_size(self) -> int | None:
        """Height and width in pixels that belong to the variant; None: images as they are."""
        return EFFICIENTNET_IMAGE_SIZES[self.form] if self.architecture == "efficientnet" else None
