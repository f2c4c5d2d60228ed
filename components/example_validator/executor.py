"""Validates statistics with TFDV and writes one SchemaDiff.pb a split, with rows where there is something wrong."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, json_utils, writer_utils

from common.errors import BadInput
from components import batches
from components.example_validator import drift
from components.example_validator.constants import ANOMALY_COUNT, DRIFT, ROWS_FILE
from components.example_validator.rows import offending

TRAIN = "train"


class Executor(base_executor.BaseExecutor):
    """Validates each split; raises BadInput for a threshold on a column that is not there."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        add_comparators(
            schema, json_utils.loads(exec_properties["drift"]), json_utils.loads(exec_properties["skew"])
        )
        tolerate(schema, exec_properties.get("tolerance") or 0.0)
        baseline = input_dict.get("baseline_statistics") or []
        splits = artifact_utils.decode_split_names(statistics.split_names)
        anomalies.split_names = statistics.split_names
        anomalies.span = statistics.span
        drift_of = exec_properties.get("drift_of")
        count = 0
        for split in splits:
            current = _load(statistics, split)
            previous = _load(baseline[0], TRAIN) if baseline and split == (drift_of or TRAIN) else None
            measured = schema
            if drift_of and previous is not None:
                measured = drift.measuring(schema, current, previous)
            found = tfdv.validate_statistics(
                current,
                measured,
                previous_statistics=previous,
                serving_statistics=_load(statistics, "eval") if split == TRAIN and "eval" in splits else None,
            )
            if measured is not schema:
                names = artifact_utils.decode_split_names(baseline[0].split_names)
                held_out = _load(baseline[0], "eval") if "eval" in names else None
                moved = drift.rows(found, schema, current, previous, held_out)
                Path(anomalies.uri).mkdir(parents=True, exist_ok=True)
                Path(anomalies.uri, DRIFT).write_text(json.dumps(moved, indent=1))
            count += len(found.anomaly_info) + int(found.HasField("dataset_anomaly_info"))
            folder = artifact_utils.get_split_uri([anomalies], split)
            _write(found, folder)
            if found.anomaly_info:
                _write_rows(found, schema, input_dict.get("examples") or [], split, folder)
        anomalies.set_int_custom_property(ANOMALY_COUNT, count)


def add_comparators(schema: schema_pb2.Schema, drift: Mapping[str, float], skew: Mapping[str, float]) -> None:
    """Adds the configured thresholds to the schema in place; a configured one replaces the schema's own.

    Raises:
      BadInput: a column that the schema does not have.
    """
    features = {feature.name: feature for feature in schema.feature}
    for kind, thresholds in (("drift", drift), ("skew", skew)):
        for column, threshold in thresholds.items():
            if column not in features:
                near = difflib.get_close_matches(column, features, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(features)[:20])}"
                raise BadInput(f"schema.{kind}.{column}: the data has no such column; {hint}")
            comparator = getattr(features[column], f"{kind}_comparator")
            comparator.Clear()
            comparator.jensen_shannon_divergence.threshold = threshold


def tolerate(schema: schema_pb2.Schema, share: float) -> None:
    """Lets a share of the examples lack a value, or have one beyond its domain; stricter bounds are relaxed in place."""
    for feature in schema.feature:
        if feature.presence.min_fraction:
            feature.presence.min_fraction = min(feature.presence.min_fraction, 1 - share)
        lists_values = feature.HasField("domain") or feature.HasField("string_domain")
        if share and lists_values and feature.distribution_constraints.min_domain_mass > 1 - share:
            feature.distribution_constraints.min_domain_mass = 1 - share


def _load(artifact: types.Artifact, split: str) -> Any:
    return stats_artifact_utils.load_statistics(artifact, split).proto()


def _write(anomalies: anomalies_pb2.Anomalies, folder: str) -> None:
    fileio.makedirs(folder)
    writer_utils.write_anomalies(os.path.join(folder, DEFAULT_FILE_NAME), anomalies)


def _write_rows(
    anomalies: anomalies_pb2.Anomalies,
    schema: schema_pb2.Schema,
    examples: list[types.Artifact],
    split: str,
    folder: str,
) -> None:
    """Some of the examples that are meant, where they can be read without Beam."""
    if not examples or not batches.are_own_files(examples):
        return
    paths = chain.from_iterable(batches.files(artifact, split) for artifact in examples)
    read = chain.from_iterable(batches.record_batches(path, None) for path in paths)
    rows = offending(read, schema, anomalies)
    if rows:
        with fileio.open(os.path.join(folder, ROWS_FILE), "w") as file:
            file.write(json.dumps(rows, indent=1, ensure_ascii=False))
