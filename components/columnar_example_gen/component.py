"""ExampleGen that reads files through Arrow columns."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.columnar_example_gen import driver, executor
from components.columnar_example_gen.options import ReaderOptions


class ColumnarExampleGenSpec(types.ComponentSpec):
    """The parameters of TFX's file based ExampleGen, the reader's options and the code's fingerprint."""

    PARAMETERS = {
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        "reader": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS


class ColumnarExampleGen(base_beam_component.BaseBeamComponent):
    """CSV, Parquet, JSON lines and Arrow files to the standard Examples artifact, with the types and splits of CsvExampleGen.

    input_base and input_config: as `inputs.locate` gives them for a file, a folder, a glob or a pattern with
    {SPAN} and {VERSION}; a pattern may be several, separated by line ends. One input split is divided by the
    hash buckets of output_config; several input splits are taken as they are, with an empty output_config.
    reader: ReaderOptions or its fields. code: fingerprint of this package's code, part of the cache key.
    range_config: a static range names the spans that are read, a rolling range how many of the latest; without it the
    latest is read.
    """

    SPEC_CLASS = ColumnarExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_base: str,
        input_config: example_gen_pb2.Input,
        output_config: example_gen_pb2.Output,
        reader: ReaderOptions | dict[str, Any],
        code: str = "",
        range_config: range_config_pb2.RangeConfig | None = None,
    ) -> None:
        options = reader if isinstance(reader, ReaderOptions) else ReaderOptions(**reader)
        super().__init__(
            ColumnarExampleGenSpec(
                input_base=input_base,
                input_config=input_config,
                output_config=output_config,
                output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
                output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
                range_config=range_config,
                reader=options.to_json(),
                code=code,
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
