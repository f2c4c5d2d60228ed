"""Executor of StatisticsGen: one pass over each split, batch after batch."""

from __future__ import annotations

import json
import os
from itertools import chain
from typing import Any

from tfx import types
from tfx.components.statistics_gen import executor as tfx_statistics_gen
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from components import batches
from components.statistics_gen.statistics import options_for, statistics_of

OPAQUE, TEXTS = "opaque", "texts"


class Executor(tfx_statistics_gen.Executor):
    """Writes FeatureStats.pb for each split; TFX's own executor does it on other runners and for other files."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads one batch at a time; the distinct texts of each column are held, with their counts."""
        opaque, texts = (json.loads(exec_properties.get(key) or "[]") for key in (OPAQUE, TEXTS))
        examples = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES_KEY])
        if not batches.can_read_here([examples], self._beam_pipeline_args):
            stock = {**exec_properties, keys.STATS_OPTIONS_JSON_KEY: options_for([*opaque, *texts]).to_json()}
            super().Do(input_dict, output_dict, stock)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[keys.STATISTICS_KEY])
        splits = artifact_utils.decode_split_names(examples.split_names)
        artifact.split_names = artifact_utils.encode_split_names(splits)
        artifact.span = examples.span
        artifact.set_string_custom_property(tfx_statistics_gen.STATS_DASHBOARD_LINK, "")
        artifact.set_json_value_custom_property(
            tfx_statistics_gen.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME,
            json_utils.dumps(dict.fromkeys(splits, 1.0)),
        )
        for split in splits:
            read = (batches.record_batches(path, None) for path in batches.files(examples, split))
            folder = artifact_utils.get_split_uri([artifact], split)
            fileio.makedirs(folder)
            with fileio.open(os.path.join(folder, tfx_statistics_gen.DEFAULT_FILE_NAME), "wb") as file:
                file.write(statistics_of(chain.from_iterable(read), opaque, texts).SerializeToString())
