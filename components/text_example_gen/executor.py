"""Executor of TextExampleGen: read and clean the texts, write their buckets as shards, judge what came of it."""

from __future__ import annotations

import functools
import json
import logging
import os
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from common.errors import BadInput
from components import batches
from components.columnar_example_gen.driver import INPUT_ERROR, INPUT_FILES
from components.columnar_example_gen.fingerprint import digest
from components.image_example_gen.constants import WARNINGS
from components.text_example_gen import checks, files, measures, report, spill, write_bucket
from components.text_example_gen.cleaning import ROWS, Tally, prepare
from components.text_example_gen.driver import PATTERN
from components.text_example_gen.options import TextOptions
from components.text_example_gen.readers import reader
from components.text_example_gen.rows import Reader
from components.text_example_gen.summary import Summary, summarize
from components.text_example_gen.write_bucket import Place, Target

PROPERTIES = {
    "texts": "texts",
    "duplicates": "duplicates",
    "contradicting": "contradicting",
    "empty": "empty_texts",
    "long": "long_texts",
}


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the splits of an Examples artifact, and beside them what is to be known of the texts."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the texts that the driver fingerprinted and writes the `examples` artifact.

        Raises BadInput for texts, labels and splits that are no use; the launcher then takes the folder away.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        if exec_properties.get(INPUT_ERROR):
            raise BadInput(exec_properties[INPUT_ERROR])
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        pattern = exec_properties[PATTERN]
        options = TextOptions.from_json(exec_properties["reader"])
        shares: dict[str, int] = json.loads(exec_properties["splits"])
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        artifact.split_names = artifact_utils.encode_split_names(list(shares))

        resolved = files.resolve(base, pattern, options)
        texts = reader(base, pattern, resolved.files, options)
        size = files.unpacked_size(json.loads(exec_properties[INPUT_FILES]))
        tally, spilled, count = self._spill(texts, options, spill.buckets_for(size))
        tally.check(texts, options)
        kinds = texts.types()
        rows = files.describe(base, resolved, options)
        if digest(rows) != exec_properties[utils.FINGERPRINT_PROPERTY_NAME]:
            raise BadInput(f"{base}: the texts changed while the run was reading them; run again")
        summary = self._write(
            options,
            Target(
                spilled=spilled,
                count=count,
                folders={split: artifact_utils.get_split_uri([artifact], split) for split in shares},
                outcomes=os.path.join(self._get_tmp_dir(), "outcomes"),
                shares=shares,
                types=kinds,
            ),
        )

        def place(at: Place) -> str:
            return texts.place(*at)

        whole = os.path.normpath(
            os.path.join(base, ", ".join(filter(None, pattern.split(files.PATTERN_SEPARATOR))))
        )
        checks.check(whole, tally.counts[ROWS], summary, options, kinds, list(shares), place)
        figures = measures.report(summary, tally, options, list(shares))
        told = [report.line(figures), *checks.told_contradictions(summary, place)]
        for line in told:
            logging.info("Texts: %s", line)
        artifact.set_string_custom_property(WARNINGS, json.dumps(told))
        with fileio.open(os.path.join(artifact.uri, report.REPORT), "w") as file:
            file.write(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        for name, custom in PROPERTIES.items():
            artifact.set_int_custom_property(custom, figures[name])
        # The driver sets a custom property; StatisticsGen copies this one.
        artifact.span = exec_properties[utils.SPAN_PROPERTY_NAME]
        inputs = len(rows) // len(resolved.files)
        counted = [{**row, "rows": summary.files[number % inputs]} for number, row in enumerate(rows)]
        exec_properties[INPUT_FILES] = json.dumps(counted)
        artifact.set_string_custom_property(INPUT_FILES, exec_properties[INPUT_FILES])
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, "tfrecords_gzip")

    def _spill(self, texts: Reader, options: TextOptions, count: int) -> tuple[Tally, str, int]:
        folder, tally = os.path.join(self._get_tmp_dir(), "spilled"), Tally()
        with spill.Spill(folder, count) as buckets:
            for batch in texts.batches():
                buckets.add(prepare(batch, options, tally))
        return tally, folder, count

    def _write(self, options: TextOptions, target: Target) -> Summary:
        if batches.runs_here(self._beam_pipeline_args):
            for bucket in range(target.count):
                write_bucket.write(bucket, options, target)
        else:
            with self._make_beam_pipeline() as pipeline:
                _ = (
                    pipeline
                    | "Buckets" >> beam.Create(range(target.count))
                    | "Spread" >> beam.Reshuffle()
                    | "Write"
                    >> beam.Map(functools.partial(write_bucket.write, options=options, target=target))
                )
        return summarize(write_bucket.outcome(target.outcomes, bucket) for bucket in range(target.count))
