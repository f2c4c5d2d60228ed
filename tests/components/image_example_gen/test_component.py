"""The component as TFX's launcher runs it: artifact, cache, failed executions; and what StatisticsGen makes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.types import standard_artifacts

from common.errors import BadInput
from components.columnar_example_gen import inputs
from components.image_example_gen.component import ImageExampleGen
from components.statistics_gen.executor import Executor as StatisticsExecutor
from tests.components.image_example_gen.images import (
    BEAM,
    SPLITS,
    context,
    encoded,
    pixels,
    run,
    write_classes,
    write_file,
)

COMPLETE, CACHED, FAILED = (
    metadata_store_pb2.Execution.State.Value(state) for state in ("COMPLETE", "CACHED", "FAILED")
)


class Pipeline:
    """Runs of one component with their metadata."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        database = str(folder / "metadata.sqlite")
        self.connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(database)

    def run(self, path: Path, code: str = "1", **reader: Any) -> None:
        reader = {"images": "folders", "task": "multiclass", **reader}
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="p",
                pipeline_root=str(self.root),
                components=[
                    ImageExampleGen(*inputs.locate(path), reader, SPLITS, code).with_id("ExampleGen")
                ],
                metadata_connection_config=self.connection,
                enable_cache=True,
                beam_pipeline_args=BEAM,
            )
        )

    def states(self) -> list[int]:
        with metadata.Metadata(self.connection) as handle:
            executions = sorted(handle.store.get_executions(), key=lambda execution: execution.id)
            return [execution.last_known_state for execution in executions]

    def artifact(self) -> metadata_store_pb2.Artifact:
        """The examples that were written last."""
        with metadata.Metadata(self.connection) as handle:
            return max(handle.store.get_artifacts_by_type("Examples"), key=lambda artifact: artifact.id)


def test_the_artifact_is_that_of_every_example_gen(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.run(write_classes(tmp_path / "data"))
    artifact = pipeline.artifact()
    assert json.loads(artifact.properties["split_names"].string_value) == ["train", "valid", "eval"]
    custom = artifact.custom_properties
    assert custom["payload_format"].string_value == "FORMAT_TF_EXAMPLE"
    assert custom["file_format"].string_value == "tfrecords_gzip"
    assert custom["span"].int_value == 0
    assert custom["input_fingerprint"].string_value.startswith("sha256:")
    files = json.loads(custom["input_files"].string_value)
    assert [(file["split"], file["file"], file["rows"]) for file in files] == [
        ("all", "cat", 30),
        ("all", "dog", 30),
    ]
    assert (custom["skipped_images"].int_value, custom["near_duplicates"].int_value) == (0, 0)


def test_the_cache_follows_images_options_and_code(tmp_path: Path) -> None:
    pipeline, folder = Pipeline(tmp_path), write_classes(tmp_path / "data")
    pipeline.run(folder)
    os.utime(folder / "cat" / "00.png", (1, 1))
    pipeline.run(folder)
    assert pipeline.states() == [COMPLETE, CACHED]
    write_file(folder / "cat" / "00.png", encoded(pixels(77)))
    pipeline.run(folder)
    pipeline.run(folder, max_errors=5)
    pipeline.run(folder, max_errors=5, code="2")
    assert pipeline.states() == [COMPLETE, CACHED, COMPLETE, COMPLETE, COMPLETE]


def test_the_latest_span_is_read_and_known(tmp_path: Path) -> None:
    for day in (2, 10):
        write_classes(tmp_path / f"day-{day}")
    examples = run(tmp_path / "day-{SPAN}", tmp_path)
    assert examples.span == 10
    write_file(tmp_path / "day-10" / "cat" / "broken.png", b"no image")
    with pytest.raises(BadInput, match=r"day-10: cat/broken\.png|day-10/cat/broken\.png"):
        run(tmp_path / "day-{SPAN}", tmp_path / "again")


def test_bad_images_end_as_a_failed_execution_and_leave_no_examples(tmp_path: Path) -> None:
    pipeline, folder = Pipeline(tmp_path), write_classes(tmp_path / "data")
    write_file(folder / "cat" / "00.png", b"")
    with pytest.raises(BadInput, match=r"cat/00\.png: the file is empty"):
        pipeline.run(folder)
    with pytest.raises(BadInput, match=r"nothing: no such file or folder"):
        pipeline.run(folder.with_name("nothing"))
    assert pipeline.states() == [FAILED, FAILED]
    assert not list(pipeline.root.rglob("*.gz"))


def test_statistics_show_classes_sizes_and_channels(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "data")
    for index in range(20):
        write_file(folder / "cat" / f"wide{index}.png", encoded(pixels(500 + index, 12, 40, 1)))
    examples = run(folder, tmp_path, {"train": 1})
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")
    StatisticsExecutor(context(tmp_path / "tmp2")).Do(
        {"examples": [examples]}, {"statistics": [statistics]}, {"opaque": '["image", "file_name"]'}
    )
    content = Path(statistics.uri, "Split-train", "FeatureStats.pb").read_bytes()
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
    found = {feature.path.step[0]: feature for feature in dataset.features}
    assert {top.value: top.frequency for top in found["label"].string_stats.top_values} == {
        "cat": 50,
        "dog": 30,
    }
    assert (found["width"].num_stats.min, found["width"].num_stats.max) == (10, 40)
    assert found["channels"].num_stats.mean == pytest.approx((60 * 3 + 20) / 80)
    assert found["image"].bytes_stats.common_stats.num_non_missing == 80
    assert found["file_name"].bytes_stats.max_num_bytes == len("cat/wide10.png")
