"""ExampleGen that reads texts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import range_config_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.text_example_gen import driver, executor
from components.text_example_gen.options import TextOptions


class TextExampleGenSpec(types.ComponentSpec):
    """Where the texts are, how they are read and split, and the code's fingerprint."""

    PARAMETERS = {
        standard_component_specs.INPUT_BASE_KEY: component_spec.ExecutionParameter(type=str),
        driver.PATTERN: component_spec.ExecutionParameter(type=str),
        standard_component_specs.RANGE_CONFIG_KEY: component_spec.ExecutionParameter(
            type=range_config_pb2.RangeConfig, optional=True
        ),
        "reader": component_spec.ExecutionParameter(type=str),
        "splits": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, Any] = {}
    OUTPUTS = standard_component_specs.FileBasedExampleGenSpec.OUTPUTS


class TextExampleGen(base_beam_component.BaseBeamComponent):
    """Texts to the standard Examples artifact: checked, without duplicates, split by the hash of the text, in its order.

    Beside the splits lies text_report.json: lengths, vocabulary, and what of eval is new to train. The counts are custom
    properties too: texts, duplicates, contradicting, empty_texts, long_texts.

    input_base and pattern: as `columnar_example_gen.inputs.locate` gives them. reader: TextOptions or its fields.
    splits: name -> share. code: fingerprint of this package's code, part of the cache key. range_config: as for
    ColumnarExampleGen.
    """

    SPEC_CLASS = TextExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_base: str | os.PathLike[str],
        pattern: str,
        reader: TextOptions | dict[str, Any],
        splits: Mapping[str, int],
        code: str = "",
        range_config: range_config_pb2.RangeConfig | None = None,
    ) -> None:
        options = reader if isinstance(reader, TextOptions) else TextOptions(**reader)
        super().__init__(
            TextExampleGenSpec(
                input_base=os.path.abspath(input_base),
                pattern=pattern,
                range_config=range_config,
                reader=options.to_json(),
                splits=json.dumps(dict(splits)),
                code=code,
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
