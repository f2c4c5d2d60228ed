"""A SavedModel of TFT's, applied to Arrow batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.tfxio import tensor_adapter


class LoadedGraph:
    """Raw features in, the outputs of a transform graph (or of one phase of its analysis) out."""

    def __init__(self, saved_model: str, adapter: tensor_adapter.TensorAdapterConfig) -> None:
        self._adapter = tensor_adapter.TensorAdapter(adapter)
        self._model = tf.saved_model.load(saved_model)  # kept for the lookup tables that it owns
        function = self._model.transform_fn
        # All inputs are fed and all outputs wanted: TFT's SavedModelLoader, which finds out what depends on
        # what, walks the graph once for each output.
        self._function = (
            function.concrete_functions[0] if hasattr(function, "concrete_functions") else function
        )

    def tensors(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """The outputs for a batch: tensors, sparse or ragged ones where the graph makes such."""
        features = self._adapter.ToBatchTensors(batch, produce_eager_tensors=True)
        return self._function(*tf.nest.flatten(features, expand_composites=True))

    def values(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """The same with NumPy arrays for dense tensors, as analyzers take them."""
        return {
            name: np.asarray(value) if isinstance(value, tf.Tensor) else value
            for name, value in self.tensors(batch).items()
        }
