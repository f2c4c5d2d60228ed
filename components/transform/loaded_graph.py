"""A SavedModel of TFT's, applied to Arrow batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_transform.saved import saved_transform_io_v2
from tfx_bsl.tfxio import tensor_adapter


class LoadedGraph:
    """Raw features in, the outputs of a transform graph (or of one phase of its analysis) out."""

    def __init__(self, saved_model: str, adapter: tensor_adapter.TensorAdapterConfig) -> None:
        self._adapter = tensor_adapter.TensorAdapter(adapter)
        self._graph = saved_transform_io_v2.SavedModelLoader(saved_model)
        self._graph.finalize(adapter.tensor_representations, self._graph.structured_outputs)

    def tensors(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """The outputs for a batch: tensors, sparse or ragged ones where the graph makes such."""
        return self._graph.apply_transform_model(
            self._adapter.ToBatchTensors(batch, produce_eager_tensors=True)
        )

    def values(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """The same with NumPy arrays for dense tensors, as analyzers take them."""
        return {
            name: np.asarray(value) if isinstance(value, tf.Tensor) else value
            for name, value in self.tensors(batch).items()
        }
