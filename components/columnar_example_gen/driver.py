"""Driver of ColumnarExampleGen: picks the span, and fingerprints the files by their content."""

from __future__ import annotations

import json
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from common.errors import BadInput
from components.columnar_example_gen import fingerprint, inputs

INPUT_FILES = "input_files"
INPUT_ERROR = "input_error"


class Driver(driver.FileBasedDriver):
    """Stock's driver takes size and modification time for a fingerprint; this one takes the bytes."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Fills in patterns, span, version and fingerprint."""
        config = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], config)
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        splits = {split.name: split.pattern for split in config.splits}
        exec_properties[utils.SPAN_PROPERTY_NAME] = 0
        exec_properties[utils.VERSION_PROPERTY_NAME] = None
        try:
            resolved = inputs.resolve(base, splits, *asked_spans(exec_properties))
            rows = fingerprint.describe(base, resolved)
        except BadInput as error:
            # The launcher records a failed execution for what fails in the executor, but leaves a running one
            # behind when the driver fails.
            exec_properties[INPUT_ERROR] = str(error)
            return exec_properties
        for split in config.splits:
            split.pattern = resolved.patterns[split.name]
        exec_properties[standard_component_specs.INPUT_CONFIG_KEY] = proto_utils.proto_to_json(config)
        exec_properties[utils.SPAN_PROPERTY_NAME] = resolved.span
        exec_properties[utils.VERSION_PROPERTY_NAME] = resolved.version
        exec_properties[utils.FINGERPRINT_PROPERTY_NAME] = fingerprint.digest(rows)
        exec_properties[INPUT_FILES] = json.dumps(rows)
        return exec_properties


def asked_spans(exec_properties: dict[str, Any]) -> tuple[int | None, int]:
    """(last span, how many up to it) of a component's range; the last of a rolling range is the latest there is."""
    text = exec_properties.get(standard_component_specs.RANGE_CONFIG_KEY)
    if not text:
        return None, 1
    config = range_config_pb2.RangeConfig()
    proto_utils.json_to_proto(text, config)
    if config.HasField("rolling_range"):
        rolling = config.rolling_range
        if rolling.start_span_number:
            raise BadInput("a rolling range of spans takes num_spans alone; give a static range instead")
        return None, max(rolling.num_spans, 1)
    if not config.HasField("static_range"):
        return None, 1
    first, last = config.static_range.start_span_number, config.static_range.end_span_number
    if first > last:
        raise BadInput(f"span range {first} to {last}: the last span comes before the first")
    return last, last - first + 1
