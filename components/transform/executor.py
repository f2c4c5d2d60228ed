"""Executor of Transform: analysis over large batches, then the graph applied to one batch after the other."""

from __future__ import annotations

import functools
import itertools
import logging
import os
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx import types
from tfx.components.transform import executor as tfx_transform
from tfx.components.transform import executor_utils, labels
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils
from tfx_bsl.tfxio import tensor_adapter, tf_example_record

from components import batches
from components.transform import analysis, materialize, observed, operations


class Executor(tfx_transform.Executor):
    """Writes the transform graph and the transformed splits; TFX's own executor does it on other runners."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Analyses and transforms on this machine, one batch of a file at a time.

        What the preprocessing function raises passes through. Examples in other formats than gzip TFRecord of
        tf.Example, and other runners than Beam's in this process, are left to TFX's executor.
        """
        examples = input_dict[keys.EXAMPLES_KEY]
        if not batches.can_read_here(examples, self._beam_pipeline_args):
            super().Do(input_dict, output_dict, {**exec_properties, keys.DISABLE_STATISTICS_KEY: 1})
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        executor_utils.MatchNumberOfTransformedExamplesArtifacts(input_dict, output_dict)
        splits = executor_utils.ResolveSplitsConfig(exec_properties[keys.SPLITS_CONFIG_KEY], examples)
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict[keys.SCHEMA_KEY]))
        )
        adapter = tf_example_record.TFExampleRecord(
            file_pattern=None, telemetry_descriptors=["Transform"], schema=schema
        ).TensorAdapterConfig()
        folder = artifact_utils.get_single_uri(output_dict[keys.TRANSFORM_GRAPH_KEY])
        paths = [
            path
            for split in splits.analyze
            for artifact in examples
            for path in batches.files(artifact, split)
        ]
        vocabularies = self._analyze(self._preprocessing_fn(exec_properties), paths, schema, adapter, folder)
        transformed = output_dict[keys.TRANSFORMED_EXAMPLES_KEY]
        executor_utils.SetSplitNames(splits.transform, transformed)
        graph = materialize.Graph(folder, adapter)
        observer = observed.Observer()
        for split in splits.transform:
            for raw, artifact in zip(examples, transformed, strict=True):
                shards = [
                    batches.record_batches(path, schema.SerializeToString())
                    for path in batches.files(raw, split)
                ]
                materialize.write_split(
                    graph,
                    shards,
                    artifact_utils.get_split_uri([artifact], split),
                    observer if split in splits.analyze else None,
                )
        observer.write(folder, vocabularies)

    def _preprocessing_fn(self, exec_properties: dict[str, Any]) -> Callable[..., Any]:
        return self._GetPreprocessingFn(
            {
                labels.PREPROCESSING_FN: exec_properties[keys.PREPROCESSING_FN_KEY],
                labels.CUSTOM_CONFIG: exec_properties[keys.CUSTOM_CONFIG_KEY],
            },
            {},
        )

    def _analyze(
        self,
        preprocessing_fn: Callable[..., Any],
        paths: list[str],
        schema: schema_pb2.Schema,
        adapter: tensor_adapter.TensorAdapterConfig,
        folder: str,
    ) -> dict[str, Any]:
        """Writes the transform graph and its metadata; by Beam if there is an analyzer that only Beam does.

        Returns what was counted for each vocabulary: of Beam's, nothing.
        """
        temporary = os.path.join(folder, ".temp_path")
        raw = os.path.join(folder, tft.TFTransformOutput.RAW_METADATA_DIR)
        metadata_io.write_metadata(dataset_metadata.DatasetMetadata(schema), raw)
        read = functools.partial(batches.record_batches, schema=schema.SerializeToString())
        os.makedirs(temporary)
        vocabularies: dict[str, Any] = {}
        try:
            vocabularies = analysis.analyze(
                preprocessing_fn,
                lambda: itertools.chain.from_iterable(map(read, paths)),
                adapter,
                folder,
                temporary,
            )
        except operations.Unsupported as analyzer:
            logging.info("Analysis goes through Beam because of %s.", analyzer)
            with self._make_beam_pipeline() as pipeline, tft_beam.Context(temp_dir=temporary):
                # A file is one element and so is a batch: nothing is shuffled, and no file is held whole.
                data = pipeline | beam.Create(paths, reshuffle=False) | beam.FlatMap(read)
                graph = (data, adapter) | tft_beam.AnalyzeDataset(preprocessing_fn)
                _ = graph | tft_beam.WriteTransformFn(folder)
        io_utils.delete_dir(temporary)
        return vocabularies
