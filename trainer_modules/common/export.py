"""Export of a Keras model with its preprocessing as a SavedModel with the project's signatures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from trainer_modules.common import example_requests, raw_features

Tensors = dict[str, tf.Tensor]
CLASSES_FILE = "class_names.txt"


def classification_outputs(scores: tf.Tensor, class_names: Sequence[str]) -> Tensors:
    """Turn logits, [B, 1] (binary) or [B, K], into probabilities and the predicted class name."""
    names = tf.constant(list(class_names))
    if scores.shape[-1] == 1:
        probability = tf.sigmoid(scores)
        return {
            "probability": probability,
            "label": tf.gather(names, tf.cast(probability[:, 0] > 0.5, tf.int32)),
        }
    probabilities = tf.nn.softmax(scores)
    return {"probabilities": probabilities, "label": tf.gather(names, tf.argmax(probabilities, axis=1))}


def regression_outputs(scores: tf.Tensor, label_names: Sequence[str]) -> Tensors:
    """Split [B, outputs] into one [B, 1] tensor for each label."""
    return {name: scores[:, i : i + 1] for i, name in enumerate(label_names)}


class ServingModule(tf.Module):
    """Owns the Keras model and the transform graph, so that one SavedModel answers raw examples.

    `assemble` turns transformed features into the model's inputs; `outputs` turns its scores into named answers.
    """

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        raw_spec: Mapping[str, Any],
        label_names: Sequence[str],
        assemble: Callable[[Tensors], Tensors],
        outputs: Callable[[tf.Tensor], Tensors],
    ) -> None:
        super().__init__()
        # Saved as attributes of the Keras model, the variables would be restored into copies of those that the functions
        # read: TF2's loader tells them to be the same, a session, as TensorFlow Serving has one, finds nothing.
        self._variables = [variable.value for variable in model.variables]
        self._model = lambda: model
        self.transform = transform.transform_features_layer()
        self._feature_spec = {name: raw_spec[name] for name in raw_spec if name not in label_names}
        self._all_spec = dict(raw_spec)
        self.assemble = assemble
        self.outputs = outputs

    @property
    def model(self) -> keras.Model:
        """The network, from transformed features to scores."""
        return self._model()

    def predict(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Tensors:
        """Answer for raw features in the form of the raw feature spec."""
        return self.outputs(self.model(self.assemble(self.transform(raw)), training=False))

    def serving_default(self) -> Any:
        """Signature on raw features: one tensor [B] each; "", NaN and -2**31 stand for a missing value."""
        spec = self._feature_spec
        names = raw_features.tensor_names(spec)
        tensors = {names[name]: tf.TensorSpec([None], spec[name].dtype, name=names[name]) for name in spec}

        @tf.function(input_signature=[tensors])
        def serving_default(features: Tensors) -> Tensors:
            return self.predict(
                {name: raw_features.as_raw(features[names[name]], spec[name]) for name in spec}
            )

        return serving_default

    def serving_examples(self) -> Any:
        """Signature on serialized tf.Examples, string [B]; any feature may be left out."""
        spec = raw_features.tolerant_spec(self._feature_spec)

        @tf.function(input_signature=[self._serialized()])
        def serving_examples(examples: tf.Tensor) -> Tensors:
            return self.predict(tf.io.parse_example(examples, spec))

        return serving_examples

    def example_requests(self, signatures: Mapping[str, Any]) -> example_requests.Requests:
        """Requests to go with the model, to those of its signatures whose inputs are no columns; they hold no data."""
        return {}

    def _serialized(self) -> tf.TensorSpec:
        """The input of serialized examples; TFMA would fill one that is named like a column with that column."""
        name = "serialized_examples" if "examples" in self._all_spec else "examples"
        return tf.TensorSpec([None], tf.string, name=name)

    def transform_features(self) -> Any:
        """Signature from serialized tf.Examples to transformed features, the labels' among them."""
        spec = raw_features.tolerant_spec(self._all_spec)

        @tf.function(input_signature=[self._serialized()])
        def transform_features(examples: tf.Tensor) -> Tensors:
            return dict(self.transform(tf.io.parse_example(examples, spec)))

        return transform_features


def save(
    module: ServingModule, folder: str, class_names: Sequence[str] = (), **extra_signatures: Any
) -> None:
    """Write the SavedModel with its example requests; `class_names`, in index order, are the asset `class_names.txt`."""
    with tempfile.TemporaryDirectory() as scratch:
        if class_names:
            path = Path(scratch) / CLASSES_FILE
            path.write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
            module.class_names_file = tf.saved_model.Asset(str(path))
        signatures = {
            "serving_default": module.serving_default(),
            "serving_examples": module.serving_examples(),
            "transform_features": module.transform_features(),
            **extra_signatures,
        }
        tf.saved_model.save(module, folder, signatures=signatures)
    example_requests.write(folder, module.example_requests(signatures))
