"""Executor of ColumnarExampleGen: files -> typed columns -> tf.Examples -> splits -> TFRecord."""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.components.example_gen import utils, write_split
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from common.errors import BadInput
from components import batches
from components.columnar_example_gen import (
    examples,
    fingerprint,
    formats,
    here,
    in_beam,
    inputs,
    tables,
    writer,
)
from components.columnar_example_gen.driver import INPUT_ERROR, INPUT_FILES
from components.columnar_example_gen.examples import Division, Encode
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.spill import IN_MEMORY, Spill, buckets_for
from components.columnar_example_gen.tables import SourceFile, Tables


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the splits of an Examples artifact: in threads of this process, or in Beam where that is a cluster."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the files that the driver resolved and writes the `examples` artifact.

        Raises BadInput for anything in the files that is wrong; nothing is written then.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        if exec_properties.get(INPUT_ERROR):
            raise BadInput(exec_properties[INPUT_ERROR])
        input_config, output_config = example_gen_pb2.Input(), example_gen_pb2.Output()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config)
        proto_utils.json_to_proto(exec_properties[standard_component_specs.OUTPUT_CONFIG_KEY], output_config)
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        options = ReaderOptions.from_json(exec_properties["reader"])
        names = utils.generate_output_split_names(input_config, output_config)
        given = Tables(
            {split.name: inputs.list_files(base, split.pattern) for split in input_config.splits}, options
        )
        division = Division.of(
            given, {split.name: split.hash_buckets for split in output_config.split_config.splits}
        )

        spread: Any = here.pieces
        in_order: Any = here.in_order
        is_here = batches.runs_here(self._beam_pipeline_args)
        if not is_here:
            workers = in_beam.Spread(self._make_beam_pipeline, os.path.join(self._get_tmp_dir(), "results"))
            spread, in_order = workers.pieces, workers.in_order
        buckets = buckets_for(sum(map(formats.examples_size, given.paths)))
        folder = os.path.join(self._get_tmp_dir(), "spilled")
        spill = Spill(folder, buckets, IN_MEMORY if is_here else 0)
        read = tables.read(given, Encode(options, division, spill), spread)
        rows = _described(read.files, base)
        if fingerprint.digest(rows) != exec_properties[utils.FINGERPRINT_PROPERTY_NAME]:
            raise BadInput(f"{base}: the input files changed while the run was reading them; run again")
        counts = examples.check(read, names)

        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        artifact.split_names = artifact_utils.encode_split_names(names)
        # The driver sets a custom property; StatisticsGen copies this one.
        artifact.span = exec_properties[utils.SPAN_PROPERTY_NAME]
        runs = [made.run for made in read.made() if made.run]
        shards = writer.shards_for(runs, buckets)
        write = functools.partial(
            writer.write_shard,
            shards=shards,
            runs=runs,
            buckets=buckets,
            folders=[artifact_utils.get_split_uri([artifact], name) for name in names],
        )
        list(in_order(write, range(shards)))
        for name, count in counts.items():
            logging.info("Split %s: %d examples in %d shards.", name, count, shards)
        exec_properties[INPUT_FILES] = json.dumps(rows)
        artifact.set_string_custom_property(INPUT_FILES, exec_properties[INPUT_FILES])
        data_format = exec_properties[standard_component_specs.OUTPUT_DATA_FORMAT_KEY]
        examples_utils.set_payload_format(artifact, data_format)
        file_format = exec_properties[standard_component_specs.OUTPUT_FILE_FORMAT_KEY]
        examples_utils.set_file_format(artifact, write_split.to_file_format_str(file_format))


def _described(files: Sequence[SourceFile], base: str) -> list[dict[str, Any]]:
    return [
        {
            "split": file.split,
            "file": os.path.relpath(file.path, base),
            "bytes": file.size,
            "sha256": file.sha256,
            "rows": file.rows,
        }
        for file in files
    ]
