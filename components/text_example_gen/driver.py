"""Driver of TextExampleGen: picks the span, and fingerprints the texts by their content."""

from __future__ import annotations

import json
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types
from tfx.types import standard_component_specs

from common.errors import BadInput
from components.columnar_example_gen.driver import INPUT_ERROR, INPUT_FILES, asked_spans
from components.columnar_example_gen.fingerprint import digest
from components.text_example_gen import files
from components.text_example_gen.options import TextOptions

PATTERN = "pattern"


class Driver(driver.Driver):
    """The fingerprint, span and version of the files become part of the cache key."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Fills in pattern, span, version, fingerprint and files."""
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        options = TextOptions.from_json(exec_properties["reader"])
        exec_properties[utils.SPAN_PROPERTY_NAME] = 0
        exec_properties[utils.VERSION_PROPERTY_NAME] = None
        try:
            resolved = files.resolve(base, exec_properties[PATTERN], options, *asked_spans(exec_properties))
            rows = files.describe(base, resolved, options)
        except BadInput as error:
            # The launcher records a failed execution for what fails in the executor, but leaves a running one
            # behind when the driver fails.
            exec_properties[INPUT_ERROR] = str(error)
            return exec_properties
        exec_properties[PATTERN] = files.SPLIT_SEPARATOR.join(resolved.patterns.values())
        exec_properties[utils.SPAN_PROPERTY_NAME] = resolved.span
        exec_properties[utils.VERSION_PROPERTY_NAME] = resolved.version
        exec_properties[utils.FINGERPRINT_PROPERTY_NAME] = digest(rows)
        exec_properties[INPUT_FILES] = json.dumps(rows)
        return exec_properties
