"""Pretrained backbones: loaded from a file, frozen, and fine-tuned from a layer on.

A backbone always runs in inference mode: batch norm keeps the statistics it was trained with, also while it is
fine-tuned (keras.io/guides/transfer_learning), and its dropout is off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from common.errors import BadInput
from trainer_modules import architectures
from trainer_modules.architectures import blocks
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.image_classifier_config import Model
from trainer_modules.images.decoding import Form

BACKBONE = "backbone"


def build(settings: Model, form: Form, scores: int) -> keras.Model:
    """Return the pretrained network with a new last layer: float32 [B, H, W, C] in 0..1 to logits [B, scores].

    Its layer `backbone` holds what was loaded. Raises BadInput for a file that is missing, is none of the known kinds or
    does not fit the architecture.
    """
    transfer = settings.transfer
    assert transfer is not None
    image = keras.Input(form.shape, name="image")
    if transfer.weights is not None:
        network, dropout = _of_architecture(settings, form, transfer.weights)
        x = blocks.dropout(Backbone(network)(image), dropout)
        return keras.Model(image, blocks.logits(x, scores))
    assert transfer.backbone is not None
    x = image
    black, white = transfer.pixels
    if (black, white) != (0, 1):
        x = keras.layers.Rescaling(white - black, black, name="rescale")(x)
    backbone = Backbone(_of_file(transfer.backbone))
    try:
        x = backbone(x)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        raise BadInput(
            f"trainer.model.transfer.backbone: {transfer.backbone} takes no images of {form.height} x {form.width} x "
            f"{form.channels}: {_first_line(error)}; set trainer.model.image to what it takes"
        ) from None
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if len(x.shape) != 2:
        raise BadInput(
            f"trainer.model.transfer.backbone: {transfer.backbone} answers {list(x.shape)}, neither features [B, D] nor "
            "a feature map [B, h, w, D]"
        )
    features = (1, 1, x.shape[-1])
    head = architectures.build(_plain(settings), features, scores)
    return keras.Model(image, head(keras.layers.Reshape(features, name="features")(x)))


def freeze(model: keras.Model) -> None:
    """Freeze the backbone: the layers on top of it train alone."""
    model.get_layer(BACKBONE).trainable = False


def unfreeze(model: keras.Model, first: str | int) -> None:
    """Let the backbone train from the layer `first` on, batch norm's statistics excepted.

    Raises BadInput when it has no such layer.
    """
    backbone = model.get_layer(BACKBONE)
    backbone.trainable = True
    key = "trainer.model.transfer.fine_tune_from"
    if isinstance(backbone.network, SavedModel):
        if first != 0:
            raise BadInput(
                f"{key}: a SavedModel shows no layers; {first!r} must be 0, all of it, or left out"
            )
        return
    layers = backbone.network.layers
    names = [layer.name for layer in layers]
    if isinstance(first, str) and first not in names:
        weighted = [layer.name for layer in layers if layer.weights]
        raise BadInput(
            f"{key}: the backbone has no layer {first!r}; its last ones are {', '.join(weighted[-8:])}"
        )
    start = names.index(first) if isinstance(first, str) else first
    if not -len(names) <= start < len(names):
        raise BadInput(f"{key}: the backbone has {len(names)} layers, {start} is beyond them")
    for layer in layers[:start]:
        layer.trainable = False


class Backbone(keras.layers.Layer):
    """Runs a network in inference mode, also where the model around it trains.

    A model within a model would not do: Keras hands `training` on to it, whatever it was called with.
    """

    def __init__(self, network: keras.layers.Layer) -> None:
        # The network casts its inputs by itself.
        super().__init__(name=BACKBONE, dtype="float32")
        self.network = network
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features, [B, D] or [B, h, w, D]."""
        return self.network(inputs, training=False)


class SavedModel(keras.layers.Layer):
    """A SavedModel with one image input and one output, called by its `__call__`, else by `serving_default`."""

    def __init__(self, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self._loaded = tf.saved_model.load(folder)
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise BadInput(
                f"trainer.model.transfer.backbone: {folder} is no SavedModel: {_first_line(error)}"
            ) from None
        self._by_call = callable(self._loaded)
        signatures = self._loaded.signatures
        if not self._by_call and "serving_default" not in signatures:
            known = ", ".join(sorted(signatures)) or "none"
            raise BadInput(
                f"trainer.model.transfer.backbone: {folder} has no signature serving_default (it has {known})"
            )
        self._function = self._loaded if self._by_call else signatures["serving_default"]
        trainable = {id(variable) for variable in self._function.trainable_variables}
        for variable in self._function.variables:
            # Keras's own variable around the loaded one: both are the same memory.
            self._track_variable(
                keras.Variable(
                    variable,
                    trainable=id(variable) in trainable,
                    dtype=variable.dtype.name,
                    name=variable.name.replace("/", "_").replace(":", "_"),
                )
            )
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the features, float32 [B, D] or [B, h, w, D]."""
        inputs = tf.cast(inputs, tf.float32)
        if self._by_call:
            found = self._function(inputs)
        else:
            [name] = self._function.structured_input_signature[1]
            found = self._function(**{name: inputs})
        while isinstance(found, (dict, list, tuple)):
            values = list(found.values()) if isinstance(found, dict) else list(found)
            if len(values) != 1:
                raise ValueError(f"it has {len(values)} outputs, one is needed")
            found = values[0]
        return found


def _of_architecture(settings: Model, form: Form, path: str) -> tuple[keras.Model, float]:
    """The architecture up to its last layer, with the weights of the file, and the dropout before that layer."""
    key = "trainer.model.transfer.weights"
    full = architectures.build(_plain(settings), form.shape, 2)
    network = keras.Model(full.input, full.get_layer("logits").input)
    try:
        weights = _weights_by_layer(path)
    except FileNotFoundError:
        raise BadInput(f"{key}: {path}: no such file") from None
    except OSError as error:
        raise BadInput(f"{key}: {path} is no file of Keras weights: {_first_line(error)}") from None
    misfit = f"{key}: {path} does not fit {settings.architecture} {settings.form}".rstrip()
    for layer in network.layers:
        found, wanted = weights.get(layer.name, []), [tuple(weight.shape) for weight in layer.weights]
        if not found and wanted:
            raise BadInput(f"{misfit}: it has no layer {layer.name}")
        if [value.shape for value in found] != wanted:
            shapes = " and ".join(
                str([list(shape) for shape in one]) for one in ([v.shape for v in found], wanted)
            )
            raise BadInput(f"{misfit}: layer {layer.name} differs in its shapes, {shapes}")
        layer.set_weights(found)
    dropout = next((layer.rate for layer in full.layers if layer.name == "dropout"), 0.0)
    return network, dropout


def _weights_by_layer(path: str) -> dict[str, list[np.ndarray]]:
    """The weights in a .weights.h5 file by the name of their layer.

    Keras itself loads by the order of the layers, and where it finds none it warns and leaves them as they are.
    """
    with h5py.File(path) as file:
        found = {}
        for group in file.get("layers", {}).values():
            weights = group.get("vars", {})
            name = weights.attrs["name"] if weights and "name" in weights.attrs else group.name.split("/")[-1]
            found[name] = [weights[str(number)][()] for number in range(len(weights))]
        return found


def _of_file(source: str) -> keras.layers.Layer:
    """A .keras file without its last layer when that is a classifier, or a SavedModel, or one from TensorFlow Hub."""
    key = "trainer.model.transfer.backbone"
    if source.endswith(".keras"):
        if not Path(source).is_file():
            raise BadInput(f"{key}: {source}: no such file")
        try:
            loaded = keras.models.load_model(source, compile=False)
        except (ValueError, OSError, TypeError, KeyError) as error:
            raise BadInput(f"{key}: {source} is no Keras model: {_first_line(error)}") from None
        if not isinstance(loaded, (keras.Model, keras.Sequential)) or len(loaded.inputs) != 1:
            raise BadInput(f"{key}: {source} must have one input, the image")
        return keras.Model(loaded.inputs, _features(loaded.layers))
    if os.path.isdir(source):
        return SavedModel(source)
    try:
        import tensorflow_hub
    except ImportError as error:
        raise BadInput(
            f"{key}: {source} is no folder and no .keras file; as a handle of TensorFlow Hub it needs tensorflow-hub "
            f"({_first_line(error)})"
        ) from None
    try:
        folder = tensorflow_hub.resolve(source)
    except Exception as error:  # a handle that does not resolve raises whatever its protocol raises
        raise BadInput(
            f"{key}: {source} is no folder, no .keras file and no handle that answers: {_first_line(error)}"
        ) from None
    return SavedModel(folder)


def _features(layers: Sequence[keras.layers.Layer]) -> Any:
    """What the last layers but a classifier answer: its dense layer, an activation and dropout around it are left out."""
    kept = list(layers)
    while kept and isinstance(kept[-1], (keras.layers.Activation, keras.layers.Softmax)):
        kept.pop()
    if kept and isinstance(kept[-1], keras.layers.Dense):
        return kept[-1].input
    return layers[-1].output


def _plain(settings: Model) -> ArchitectureConfig:
    return ArchitectureConfig.model_validate(
        {name: getattr(settings, name) for name in ArchitectureConfig.model_fields}
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[
        :200
    ]
