"""Export of an image classifier: pixels, encoded images and tf.Examples in, the same answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import export
from trainer_modules.images import grad_cam
from trainer_modules.images.decoding import Form, decode_batch, scaled
from trainer_modules.images.examples import IMAGE

Tensors = dict[str, tf.Tensor]
FEATURE = "image"
BYTES = f"{FEATURE}_bytes"


class ImageServingModule(export.ServingModule):
    """Owns the network and the transform graph; decodes and resizes in the graph, as training does."""

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        label: str,
        form: Form,
        outputs: Callable[[tf.Tensor], Tensors],
    ) -> None:
        def assemble(features: Tensors) -> tf.Tensor:
            return scaled(decode_batch(features[IMAGE], form))

        super().__init__(model, transform, raw_spec, [label], assemble, outputs)
        self._feature_spec = {FEATURE: raw_spec[FEATURE]}
        self.form = form

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def decode_images(encoded: tf.Tensor) -> tf.Tensor:
            return decode_batch(encoded, form)

        # No signature: what feeds serving_default with encoded images calls it, and no client has to.
        self.decode_images = decode_images

    def answer(self, pixels: tf.Tensor) -> Tensors:
        """Answer for pixels in 0..255, [B, H, W, C]."""
        return self.outputs(self.model(scaled(pixels), training=False))

    def serving_default(self) -> Any:
        """Signature on pixels: `image` float32 [B, H, W, C] in 0..255, of the size that the model sees."""
        spec = {FEATURE: tf.TensorSpec([None, *self.form.shape], tf.float32, name=FEATURE)}

        @tf.function(input_signature=[spec])
        def serving_default(features: Tensors) -> Tensors:
            # A server feeds what it was sent: other sizes would be answered somehow, and another rank ends the process.
            return self.answer(tf.ensure_shape(features[FEATURE], [None, *self.form.shape]))

        return serving_default

    def serving_bytes(self) -> Any:
        """Signature on encoded images: `image_bytes` string [B], JPEG or PNG of any size and channels."""

        @tf.function(input_signature=[{BYTES: tf.TensorSpec([None], tf.string, name=BYTES)}])
        def serving_bytes(features: Tensors) -> Tensors:
            return self.answer(decode_batch(features[BYTES], self.form))

        return serving_bytes

    def transform_features(self) -> Any:
        """Signature from serialized tf.Examples to the transformed features, but for the image, which stays as it is.

        TF Serving's REST API cannot write its bytes under this name, and TFMA has no use for them.
        """
        transform = super().transform_features()

        @tf.function(input_signature=[self._serialized()])
        def transform_features(examples: tf.Tensor) -> Tensors:
            return {name: value for name, value in transform(examples).items() if name != IMAGE}

        return transform_features

    def grad_cam(self) -> Any:
        """Signature on encoded images: `heat_map` float32 [B, H, W] in 0..1 of the predicted class, and `label`."""
        split = grad_cam.splitter(self.model)

        @tf.function(input_signature=[{BYTES: tf.TensorSpec([None], tf.string, name=BYTES)}])
        def grad_cam_signature(features: Tensors) -> Tensors:
            images = scaled(decode_batch(features[BYTES], self.form))
            heat, scores = grad_cam.heat_maps(images, split)
            return {"heat_map": heat, "label": self.outputs(scores)["label"]}

        return grad_cam_signature


def save(module: ImageServingModule, folder: str, class_names: list[str], with_grad_cam: bool) -> None:
    """Write the SavedModel with the class names and all signatures."""
    extra = {"grad_cam": module.grad_cam()} if with_grad_cam else {}
    export.save(module, folder, class_names, serving_bytes=module.serving_bytes(), **extra)
