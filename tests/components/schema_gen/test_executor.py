"""A schema of grey images lets colour images pass; what is a truth value stays one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.schema_gen.component import SchemaGen
from components.schema_gen.executor import Executor

NUMBERS = ["height", "width", "channels"]


def statistics(**columns: list[Any]) -> Any:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))


def inferred(folder: Path, **splits: Any) -> schema_pb2.Schema:
    """The schema of a run of the component's executor, without the launcher."""
    stored, schema = standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
    stored.uri, schema.uri = str(folder / "statistics"), str(folder / "schema")
    stored.split_names = artifact_utils.encode_split_names(list(splits))
    for split, found in splits.items():
        path = Path(artifact_utils.get_split_uri([stored], split), "FeatureStats.pb")
        path.parent.mkdir(parents=True)
        path.write_bytes(found.SerializeToString())
    component = SchemaGen(Channel(type=standard_artifacts.ExampleStatistics), NUMBERS, "")
    Executor().Do({"statistics": [stored]}, {"schema": [schema]}, dict(component.exec_properties))
    return io_utils.SchemaReader().read(str(folder / "schema" / "schema.pbtxt"))


GREY = {"channels": [1] * 4, "height": [28] * 4, "width": [28] * 4, "flag": [0, 1, 1, 0]}
MIXED = {"channels": [1, 3, 4, 3], "height": [28, 28, 9, 400], "width": [28, 30, 1, 2], "flag": [0, 1, 1, 0]}


def test_colour_images_are_no_anomaly_to_the_schema_of_grey_ones(tmp_path: Path) -> None:
    schema = inferred(tmp_path, train=statistics(**GREY), eval=statistics(**GREY))
    features = {feature.name: feature for feature in schema.feature}
    assert not any(features[name].HasField("bool_domain") for name in NUMBERS)
    assert features["flag"].HasField("bool_domain")
    assert features["channels"].type == schema_pb2.INT
    assert features["channels"].presence.min_fraction == 1.0
    assert not tfdv.validate_statistics(statistics(**MIXED), schema).anomaly_info
    other_flag = statistics(**{**MIXED, "flag": [0, 1, 2, 0]})
    assert list(tfdv.validate_statistics(other_flag, schema).anomaly_info) == ["flag"]


def test_grey_images_in_one_split_and_colour_in_another(tmp_path: Path) -> None:
    schema = inferred(tmp_path, train=statistics(**GREY), eval=statistics(**MIXED))
    assert not tfdv.validate_statistics(statistics(**MIXED), schema).anomaly_info
