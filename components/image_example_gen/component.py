"""ExampleGen that reads images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import range_config_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.image_example_gen import driver, executor
from components.image_example_gen.options import ImageOptions


class ImageExampleGenSpec(types.ComponentSpec):
    """Where the images are, how they are read and split, and the code's fingerprint."""

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


class ImageExampleGen(base_beam_component.BaseBeamComponent):
    """Images to the standard Examples artifact, checked, split by the hash of their pixels, in a fixed order.

    Every example has image (the JPEG or PNG as found; of IDX a PNG), height, width, channels, file_name and the
    labels; images of a CSV also its further columns. Beside the splits lie near_duplicates.csv and skipped.csv where
    there is something to tell; the counts are the custom properties near_duplicates and skipped_images.

    input_base and pattern: as `columnar_example_gen.inputs.locate` gives them for the folder of the class folders or of
    the IDX files, or for the CSV. reader: ImageOptions or its fields. splits: name -> share, with train first; an IDX set
    called t10k or test is the whole split eval. code: fingerprint of this package's code, part of the cache key.
    range_config: a static range of one span names the one that is read; without it the latest is.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_base: str | os.PathLike[str],
        pattern: str,
        reader: ImageOptions | dict[str, Any],
        splits: Mapping[str, int],
        code: str = "",
        range_config: range_config_pb2.RangeConfig | None = None,
    ) -> None:
        options = reader if isinstance(reader, ImageOptions) else ImageOptions(**reader)
        super().__init__(
            ImageExampleGenSpec(
                input_base=os.path.abspath(input_base),
                pattern=pattern,
                range_config=range_config,
                reader=options.to_json(),
                splits=json.dumps(dict(splits)),
                code=code,
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
