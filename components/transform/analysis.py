"""TFT's analysis in this process: TFT's graph of analyzers, combiners and SavedModels, run without Beam.

Each phase is one pass over the data: every batch goes through the phase's SavedModel once and into all of its
accumulators, so that one batch and the accumulators (sketches, moments, counts of tokens) are held in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import annotators, graph_tools, impl_helper, nodes
from tensorflow_transform.beam import analysis_graph_builder
from tensorflow_transform.tf_metadata import metadata_io
from tfx_bsl.tfxio import tensor_adapter

from components.transform import operations
from components.transform.loaded_graph import LoadedGraph

Batches = Callable[[], Iterable[pa.RecordBatch]]


def analyze(
    preprocessing_fn: Callable[..., Any],
    batches: Batches,
    adapter: tensor_adapter.TensorAdapterConfig,
    folder: str,
    temporary: str,
) -> dict[str, Any]:
    """Writes `transform_fn` and `transformed_metadata` into `folder` as `tft_beam.WriteTransformFn` does.

    Args:
      preprocessing_fn: from a dict of tensors to a dict of tensors.
      batches: gives the batches to analyse, anew for each phase.
      adapter: how they become tensors.
      folder: of the transform graph.
      temporary: on the same file system; left to the caller to delete.

    Returns:
      What was counted for each vocabulary, by its name (see `observed.counted`).

    Raises:
      operations.Unsupported: the function has an analyzer that needs Beam; nothing was written into `folder`.
      ValueError: the function returns no dict of tensors, or makes variables.
    """
    specs = tensor_adapter.TensorAdapter(adapter).OriginalTypeSpecs()
    graph, inputs, outputs = impl_helper.trace_preprocessing_function(
        preprocessing_fn, specs, use_tf_compat_v1=False, base_temp_dir=temporary
    )
    if not isinstance(outputs, dict) or not outputs:
        raise ValueError(
            f"the preprocessing function has to return a dict of tensors; it returned {outputs!r}"
        )
    if graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES):
        raise ValueError("the preprocessing function makes trainable variables, which TFT does not keep")
    assets = annotators.get_asset_annotations(graph)
    annotators.clear_asset_annotations(graph)
    model, _, side_effects = analysis_graph_builder.build(graph, inputs, outputs, {}, None)
    run = operations.Run(
        preprocessing_fn=preprocessing_fn,
        specs=specs,
        fingerprint=graph_tools.get_analyzers_fingerprint(graph, inputs),
        temporary=temporary,
        passes=lambda saved_model: map(LoadedGraph(saved_model, adapter).values, batches()),
    )
    traverser = nodes.Traverser(operations.Visitor(run))
    result = traverser.visit_value_node(model)
    for node in side_effects:
        traverser.visit_value_node(node)
    _publish(result.get(), assets, folder)
    return run.vocabularies


def _publish(saved_model: str, assets: dict[str, str], folder: str) -> None:
    kept = os.path.join(saved_model, impl_helper.METADATA_DIR_NAME)
    metadata = os.path.join(folder, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR)
    metadata_io.write_metadata(metadata_io.read_metadata(kept), metadata)
    if assets:
        with tf.io.gfile.GFile(os.path.join(metadata, tft.TFTransformOutput.ASSET_MAP), "w") as file:
            file.write(json.dumps(assets))
    tf.io.gfile.rmtree(kept)
    tf.io.gfile.rename(saved_model, os.path.join(folder, tft.TFTransformOutput.TRANSFORM_FN_DIR))
