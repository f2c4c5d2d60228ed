"""Executor of SchemaGen: TFX's own, and what it took for truth values are numbers again."""

from __future__ import annotations

import json
import os
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.schema_gen import executor as tfx_schema_gen
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils

NUMBERS = "numbers"


class Executor(tfx_schema_gen.Executor):
    """Writes schema.pbtxt without a bool_domain of the features that are listed under `numbers`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        super().Do(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict[keys.SCHEMA_KEY])
        path = os.path.join(folder, tfx_schema_gen.DEFAULT_FILE_NAME)
        schema: schema_pb2.Schema = io_utils.SchemaReader().read(path)
        for feature in schema.feature:
            if feature.name in json.loads(exec_properties[NUMBERS]):
                feature.ClearField("bool_domain")
        io_utils.write_pbtxt_file(path, schema)
