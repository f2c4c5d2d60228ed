"""Opaque features, such as encoded images: their sizes count, their bytes are not taken for texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.statistics_gen import executor as tfx_statistics_gen
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel, standard_artifacts

from components.columnar_example_gen import writer
from components.statistics_gen.component import StatisticsGen
from components.statistics_gen.executor import Executor
from components.statistics_gen.statistics import options_for

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--sdk_container_image=none"]
STATISTICS = statistics_pb2.FeatureNameStatistics
SIZES = [1000 + 10 * number for number in range(60)]


def example(number: int, size: int) -> bytes:
    example = tf.train.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(np.random.default_rng(number).bytes(size))
    feature["label"].bytes_list.value.append(b"cat" if number % 3 else b"dog")
    feature["name"].bytes_list.value.append(b"%d.png" % number)
    feature["height"].int64_list.value.append(number)
    return example.SerializeToString(deterministic=True)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> types.Artifact:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("examples"))
    artifact.split_names = artifact_utils.encode_split_names(["train"])
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    writer.write_split(f"{artifact.uri}/Split-train", [[example(*one) for one in enumerate(SIZES)]])
    return artifact


def statistics(
    executor: Any, examples: types.Artifact, folder: Path, runner: list[str], **properties: str
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(folder / "statistics")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(runner), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    executor(context).Do({"examples": [examples]}, {"statistics": [artifact]}, dict(properties))
    (dataset,) = stats_artifact_utils.load_statistics(artifact, "train").proto().datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def test_bytes_of_images_are_counted_and_not_listed(examples: types.Artifact, tmp_path: Path) -> None:
    found = statistics(Executor, examples, tmp_path, IN_MEMORY, opaque='["image"]')
    image, label = found["image"], found["label"]
    assert image.type == STATISTICS.BYTES
    sizes = image.bytes_stats
    assert (sizes.min_num_bytes, sizes.max_num_bytes, sizes.avg_num_bytes) == (1000, 1590, np.mean(SIZES))
    assert sizes.common_stats.num_non_missing == 60
    assert sizes.unique == 0
    assert len(image.SerializeToString()) < 1000, "no image is in the statistics"
    assert {top.value: top.frequency for top in label.string_stats.top_values} == {"cat": 40, "dog": 20}
    assert (found["height"].num_stats.min, found["height"].num_stats.max) == (0, 59)


def test_statistics_with_them_are_those_of_stock(examples: types.Artifact, tmp_path: Path) -> None:
    mine = statistics(Executor, examples, tmp_path / "mine", IN_MEMORY, opaque='["image"]')
    options = options_for(["image"]).to_json()
    theirs = statistics(
        tfx_statistics_gen.Executor, examples, tmp_path / "theirs", IN_MEMORY, stats_options_json=options
    )
    assert mine == theirs


@pytest.mark.slow
def test_on_another_runner_they_are_no_texts_either(examples: types.Artifact, tmp_path: Path) -> None:
    another = [*IN_MEMORY[:1], "--direct_running_mode=multi_processing", IN_MEMORY[2]]
    found = statistics(Executor, examples, tmp_path, another, opaque='["image"]')
    assert found["image"].type == STATISTICS.BYTES
    assert found["label"].string_stats.unique == 2


def test_without_the_option_nothing_is_opaque(examples: types.Artifact, tmp_path: Path) -> None:
    found = statistics(Executor, examples, tmp_path, IN_MEMORY)
    assert found["image"].type == STATISTICS.STRING
    assert found["image"].string_stats.unique == 60


def test_names_of_few_examples_are_no_domain(examples: types.Artifact, tmp_path: Path) -> None:
    """TFDV takes up to 100 distinct texts for all that may occur: the names of other examples would be anomalies."""
    for opaque, domains in (('["image"]', ["label", "name"]), ('["image", "name"]', ["label"])):
        found = statistics(Executor, examples, tmp_path / str(len(opaque)), IN_MEMORY, opaque=opaque)
        whole = statistics_pb2.DatasetFeatureStatisticsList()
        whole.datasets.add(num_examples=60).features.extend(found.values())
        schema = tfdv.infer_schema(whole, infer_feature_shape=False)
        assert [feature.name for feature in schema.feature if feature.domain] == domains


def test_the_component_hands_the_option_on() -> None:
    source = channel.Channel(type=standard_artifacts.Examples)
    assert StatisticsGen(source, code="1").exec_properties["opaque"] is None
    component = StatisticsGen(source, code="1", opaque=["image", "mask"])
    assert json.loads(component.exec_properties["opaque"]) == ["image", "mask"]
