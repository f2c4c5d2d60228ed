"""Executor of WordPairs: a Beam pipeline whose elements are files, not pairs."""

from __future__ import annotations

import os
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from components import batches
from components.word_pairs import buckets
from components.word_pairs.making import MakePairs, Shard
from components.word_pairs.writing import Target, write


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the pairs of all splits."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the pairs of each file, divides them by chance over buckets on disk, and writes bucket after bucket.

        A block of texts and a bucket are held in memory, each with its pairs, however many there are.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES_KEY])
        artifact = artifact_utils.get_single_instance(output_dict["pairs"])
        splits = artifact_utils.decode_split_names(examples.split_names)
        artifact.split_names = artifact_utils.encode_split_names(splits)
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, "tfrecords_gzip")

        shards, targets = [], {}
        for number, split in enumerate(splits):
            paths = batches.files(examples, split)
            count = buckets.worth(paths)
            folder = artifact_utils.get_split_uri([artifact], split)
            fileio.makedirs(folder)
            targets[split] = Target(folder, count, exec_properties["seed"], number)
            spilled = os.path.join(self._get_tmp_dir(), split)
            shards += [
                Shard(split, number, file, path, os.path.join(spilled, f"{file:05d}"), count)
                for file, path in enumerate(paths)
            ]
        make = MakePairs(
            exec_properties["pairs_fn"],
            artifact_utils.get_single_uri(input_dict[keys.TRANSFORM_GRAPH_KEY]),
            json_utils.loads(exec_properties[keys.CUSTOM_CONFIG_KEY]),
            exec_properties["seed"],
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(shards)
                | "Make" >> beam.ParDo(make)
                | "Bucket" >> beam.GroupByKey()
                | "Write" >> beam.MapTuple(lambda key, spilled: write(key, spilled, targets[key[0]]))
            )
