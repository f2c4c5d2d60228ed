"""Image classifiers, one file each: from images [B, H, W, C] in 0..1 to logits [B, classes]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer_modules.architectures.config import ArchitectureConfig

if TYPE_CHECKING:
    import keras


def build(config: ArchitectureConfig, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Return the untrained Functional model that the configuration asks for.

    Input `image` float32 [B, H, W, C] in 0..1 with (H, W, C) = image_shape; output of the layer `logits`
    float32 [B, classes]. Layers with weights are named the same in every process. Raises BadInput when the
    images are too small.
    """
    # Import statements, not import_module: the fingerprint of a trainer module follows them.
    match config.architecture:
        case "softmax":
            from trainer_modules.architectures.softmax import build as build_model
        case "mlp":
            from trainer_modules.architectures.mlp import build as build_model
        case "simple_cnn":
            from trainer_modules.architectures.simple_cnn import build as build_model
        case "lenet5":
            from trainer_modules.architectures.lenet5 import build as build_model
        case "alexnet":
            from trainer_modules.architectures.alexnet import build as build_model
        case "vgg16":
            from trainer_modules.architectures.vgg16 import build as build_model
        case "resnet":
            from trainer_modules.architectures.resnet import build as build_model
        case "inception":
            from trainer_modules.architectures.inception import build as build_model
        case "mobilenet_v1":
            from trainer_modules.architectures.mobilenet_v1 import build as build_model
        case "mobilenet_v2":
            from trainer_modules.architectures.mobilenet_v2 import build as build_model
        case "efficientnet":
            from trainer_modules.architectures.efficientnet import build as build_model
        case "cspnet":
            from trainer_modules.architectures.cspnet import build as build_model
    return build_model(config, image_shape, classes)
