"""Configuration of `trainer_modules.image_classifier` (no TensorFlow here: the command line reads it)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.common import training_config
from trainer_modules.common.training_config import EarlyStopping, NoTuning, Section

Side = Annotated[int, Field(ge=1, le=4096)]
Share = Annotated[float, Field(ge=0, lt=1)]

FLAT = ("softmax", "mlp")
"""Architectures without a feature map."""

FILES = ("model.transfer.weights", "model.transfer.backbone")
"""Keys that name a file, or weights that are known by name: the run finds them, and what is in them counts."""


class Features(Section):
    """What the label is."""

    positive_class: str | int | None = Field(None, description="binary only; default: the later of the two")


class Image(Section):
    """The form of the images that the model sees; others are brought to it, in training and in serving alike."""

    size: tuple[Side, Side] | None = Field(
        None,
        description="[height, width]; default: that of the architecture's paper, else the one that all images have",
    )
    channels: Literal[1, 3] | None = Field(
        None, description="default: 1 when all training images are grey, else 3"
    )
    resize: Literal["stretch", "pad", "crop"] = Field(
        "stretch", description="images of another shape: stretched, padded to it, or cut from the middle"
    )
    pad_value: int = Field(0, ge=0, le=255, description="brightness of the padding, 0 black to 255 white")


class Transfer(Section):
    """A pretrained network: trained on with its weights frozen, then, if asked for, fine-tuned."""

    weights: str | None = Field(
        None,
        description="a .weights.h5 file of the same architecture and variant, or a name that `mlpipe data list` "
        "shows; its last layer is left out",
    )
    backbone: str | None = Field(
        None,
        description="a .keras file, a SavedModel folder or a TensorFlow Hub handle, whose features the architecture "
        "(softmax or mlp) takes",
    )
    pixels: tuple[float, float] = Field(
        (0.0, 1.0), description="the values that stand for black and white in the backbone"
    )
    fine_tune_from: str | int | None = Field(
        None, description="name or number (negative: from the end) of the first layer that is fine-tuned"
    )
    fine_tune_epochs: int = Field(10, ge=1, description="epochs of fine-tuning, after those of training")
    fine_tune_rate: float = Field(0.1, gt=0, le=1, description="factor of the learning rate in fine-tuning")

    @model_validator(mode="after")
    def _one_source(self) -> Transfer:
        if (self.weights is None) == (self.backbone is None):
            raise ValueError("give one of weights (of the architecture) and backbone (another model)")
        named = self.weights is None or self.weights.isidentifier()
        if not named and not str(self.weights).endswith(".weights.h5"):
            raise ValueError(
                f"weights: {self.weights!r} must be a .weights.h5 file, or a name that `mlpipe data list` shows; give "
                "another kind of file as backbone"
            )
        if self.pixels[0] == self.pixels[1]:
            raise ValueError(f"pixels: {list(self.pixels)} must be two different values, black and white")
        return self


class Model(ArchitectureConfig):
    """The architecture, the form of its images, where its weights begin, and whether it explains itself."""

    image: Image = Image()
    transfer: Transfer | None = None
    grad_cam: bool = Field(False, description="export a signature that shows where the model looked")

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        backbone = self.transfer is not None and self.transfer.backbone is not None
        if backbone and self.architecture not in FLAT:
            raise ValueError(
                f"transfer.backbone: its features go into softmax or mlp, not into {self.architecture}; "
                "a file with weights of the architecture is transfer.weights"
            )
        if self.grad_cam and self.architecture in FLAT and not backbone:
            raise ValueError(f"grad_cam: {self.architecture} has no feature map to show; it must be false")
        return self


class Augmentation(Section):
    """How far training images are changed at random; 0 is not at all. Shares are of the image's sides."""

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    rotation: float = Field(0.0, ge=0, le=180, description="degrees to either side")
    zoom: Share = Field(0.0, description="0.2: 0.8 to 1.2 times the size")
    shift: Share = Field(0.0, description="share of height and width, to any side")
    crop: Share = Field(0.0, description="largest share of each side that is cut off; the rest is enlarged")
    fill: Literal["nearest", "reflect", "constant", "wrap"] = Field(
        "nearest", description="what comes in from outside; constant is black"
    )
    brightness: Share = Field(0.0, description="0.2: 0.2 darker to 0.2 brighter, where white is 1")
    contrast: Share = Field(0.0, description="0.2: 0.8 to 1.2 times the distance to the mean")
    saturation: Share = Field(0.0, description="0.2: 0.8 to 1.2 times the distance to grey")
    hue: float = Field(0.0, ge=0, le=0.5, description="share of the colour circle, to either side")


class Training(training_config.Training):
    """How the model is fitted, and what its images go through."""

    batch_size: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    early_stopping: EarlyStopping = EarlyStopping(patience=5)
    augmentation: Augmentation = Augmentation()
    cache_mb: int = Field(
        1024, ge=0, description="decoded images up to this size stay in memory; others are decoded each epoch"
    )
    mixed_precision: Literal["none", "float16", "bfloat16"] = Field(
        "none", description="of the computation; weights and the exported model stay float32"
    )
    jit_compile: bool = Field(False, description="compile the training step with XLA")


class Config(Section):
    """The part of a catalog file that belongs to this module."""

    features: Features = Features()
    model: Model
    training: Training = Training()
    tuning: NoTuning = NoTuning()
