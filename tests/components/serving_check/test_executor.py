"""The whole check on the real server: what it blesses, what it leaves behind, and what it says."""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.components.infra_validator import executor as infra_validator
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from common.errors import UserError
from components.serving_check import executor, report, rows
from tests.components.serving_check import planted
from tests.components.serving_check.test_feeding import example
from tests.components.serving_check.test_stamped_model import WARM_UP, logs
from tests.serving import models

PARAMETERS: dict[str, Any] = {
    "model_name": "toy",
    "split": "eval",
    "requests": 5,
    "tolerance": 1e-5,
    "start_seconds": 120.0,
    "warmup_requests": 4,
    "code": "",
}
EXAMPLES = [example(x=float(i) - 2, x2=float(i) * 3, label=i) for i in range(8)]


@dataclass
class Checked:
    """What one execution left."""

    blessing: standard_artifacts.InfraBlessing
    scratch: Path

    @property
    def folder(self) -> Path:
        return Path(self.blessing.uri)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "serving_check.json").read_text())


def artifacts(folder: Path, saved_model: Path, examples: list[bytes]) -> dict[str, list[Any]]:
    model = standard_artifacts.Model()
    model.uri = str(folder / "model")
    shutil.copytree(saved_model, Path(model.uri, "Format-Serving"))
    stored = standard_artifacts.Examples()
    stored.uri = str(folder / "examples")
    stored.split_names = '["train", "eval"]'
    split = Path(stored.uri, "Split-eval")
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for serialized in examples:
            writer.write(serialized)
    return {"model": [model], "examples": [stored]}


def checked(folder: Path, saved_model: Path, examples: list[bytes] = EXAMPLES, **changes: Any) -> Checked:
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(folder / "blessing")
    scratch = folder / "tmp"
    context = base_executor.BaseExecutor.Context(tmp_dir=str(scratch), unique_id="7")
    inputs = artifacts(folder, saved_model, examples)
    executor.Executor(context).Do(inputs, {"blessing": [blessing]}, {**PARAMETERS, **changes})
    return Checked(blessing, scratch / "7")


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder = tmp_path_factory.mktemp("passed")
    return checked(folder, models.half_plus_two(folder / "m" / "1"))


def test_what_passed(passed: Checked) -> None:
    found = passed.report
    assert found["failures"] == []
    assert found["blessed"] is True
    assert {name: (s["method"].rpartition("/")[2], s["fed"]) for name, s in found["signatures"].items()} == {
        "classify_x2_to_y3": ("classify", "examples"),
        "classify_x_to_y": ("classify", "examples"),
        "regress_x_to_y": ("regress", "examples"),
        "regress_x_to_y2": ("regress", "examples"),
        "serving_default": ("predict", "features"),
    }
    assert found["not_checked"] == {
        "regress_x2_to_y3": "its input inputs takes float32, which is neither tf.Examples nor a feature"
    }
    for protocol in ("REST", "gRPC"):
        latency = found["latency_ms"][protocol]
        assert latency["requests"] == 5 * 5
        assert 0 < latency["p50"] <= latency["p99"]
    assert 50 < found["memory_mb"] < 5000
    assert found["rows"] == 5
    assert report.summary(found).startswith("passed: 5 signatures, REST and gRPC, p99 ")
    assert report.summary(found).endswith(" MB; not checked: regress_x2_to_y3")


def test_the_blessing_is_what_tfx_makes(passed: Checked) -> None:
    assert model_utils.is_infra_validated(passed.blessing)
    assert passed.blessing.get_int_custom_property(infra_validator._MODEL_FLAG_KEY) == 1
    assert sorted(entry.name for entry in passed.folder.iterdir()) == [
        infra_validator._BLESSED_FILENAME,
        "serving_check.json",
        "stamped_model",
    ]
    assert (passed.folder / infra_validator._BLESSED_FILENAME).read_bytes() == b""
    assert len(logs(passed.folder / "stamped_model")) == 4
    assert not (passed.folder.parent / "model" / "Format-Serving" / WARM_UP).exists()


def test_nothing_temporary_is_left(passed: Checked) -> None:
    assert list(passed.scratch.iterdir()) == []


def test_a_model_that_answers_otherwise_when_served(tmp_path: Path) -> None:
    made = checked(tmp_path, planted.save(tmp_path / "m" / "1", planted.Counting()))
    assert made.blessing.get_int_custom_property("blessed") == 0
    assert not model_utils.is_infra_validated(made.blessing)
    assert not made.blessing.has_custom_property("has_model")
    assert sorted(entry.name for entry in made.folder.iterdir()) == [
        infra_validator._NOT_BLESSED_FILENAME,
        "serving_check.json",
    ]
    rest, grpc = made.report["failures"]
    # Four warm-up requests came first; of the batch the row is told that differs most for its size.
    assert rest == (
        "serving_default over REST: output y is 4, the model's own is 0 (row 2 of the batch of 5)"
    )
    assert grpc == (
        "serving_default over gRPC: output y is 5, the model's own is 0 (row 2 of the batch of 5)"
    )


def test_a_server_that_breaks_when_it_is_asked(tmp_path: Path) -> None:
    saved_model = models.half_plus_two_tf2(tmp_path / "m" / "1")
    found = executor.serve_and_compare(
        saved_model,
        tmp_path,
        rows.of_examples(EXAMPLES[:2]),
        PARAMETERS,
        tmp_path / "scratch",
        (sys.executable, "-c", planted.BREAKS),
    )
    assert found.failures == [
        "the server ended with exit code -6: F tensorflow/core/framework/tensor.cc:853] Check failed: dtype()"
        " == expected"
    ]
    assert "Check failed: dtype() == expected" in found.server_log[-1]


def test_a_model_that_fails_by_itself(tmp_path: Path) -> None:
    found = executor.serve_and_compare(
        planted.save(tmp_path / "m" / "1", planted.Picky()),
        tmp_path,
        rows.of_examples(EXAMPLES[:2]),
        PARAMETERS,
        tmp_path / "scratch",
        (sys.executable, "-c", planted.BREAKS),
    )
    assert found.failures[0] == (
        "serving_default: the model itself fails: InvalidArgumentError: Name: <unknown>, Feature: wing (data type:"
        " float) is required but could not be found."
    )


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(UserError) as caught:
        checked(tmp_path, tmp_path / "m")
    assert str(caught.value).endswith(
        "Format-Serving/saved_model.pb: no such file: the trainer module exported no SavedModel"
    )


def test_no_example_to_ask_about(tmp_path: Path) -> None:
    made = checked(tmp_path, models.half_plus_two_tf2(tmp_path / "m" / "1"), [])
    assert made.report["failures"] == ["the split eval holds no example to ask about"]
    assert made.blessing.get_int_custom_property("blessed") == 0


@pytest.mark.slow
def test_bounds_and_no_warm_up(tmp_path: Path) -> None:
    made = checked(
        tmp_path,
        models.half_plus_two_tf2(tmp_path / "m" / "1"),
        max_memory_mb=10.0,
        max_p99_ms=0.001,
        warmup_requests=0,
    )
    rest, grpc, memory = made.report["failures"]
    assert rest.startswith("p99 over REST is ")
    assert grpc.endswith(" ms, more than max_p99_ms: 0.001")
    assert memory.startswith("the server took ")
    assert memory.endswith(" MB, more than max_memory_mb: 10")
    assert not (made.folder / "stamped_model").exists()


@pytest.mark.slow
def test_a_model_without_a_signature_that_can_be_fed(tmp_path: Path) -> None:
    made = checked(tmp_path, models.several(tmp_path / "m" / "1"))
    assert made.report["failures"] == [
        "no signature could be checked: serving_default: the examples have no feature for its input a"
    ]


@pytest.mark.slow
def test_a_guess_that_was_wrong_is_not_checked(tmp_path: Path) -> None:
    class Decodes(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="picture")])
        def __call__(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
            decode = tf.function(lambda data: tf.cast(tf.io.decode_png(data), tf.float32))
            return {"y": tf.map_fn(decode, picture, fn_output_signature=tf.float32)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def half(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": x / 2}

    module = Decodes()
    signatures = {"serving_bytes": module.__call__, "serving_default": module.half}
    tf.saved_model.save(module, str(tmp_path / "m" / "1"), signatures=signatures)
    found = checked(tmp_path, tmp_path / "m" / "1").report
    assert found["failures"] == []
    assert list(found["signatures"]) == ["serving_default"]
    assert found["not_checked"]["serving_bytes"].startswith(
        "it takes no serialized tf.Examples: InvalidArgumentError: "
    )


@pytest.mark.slow
def test_answers_of_every_kind(tmp_path: Path) -> None:
    values = [example(text=b"caf\xc3\xa9", number=2**40 + 1, image=b"\xff\x00\x00"), example(text=b"")]

    class Kinds(tf.Module):
        @tf.function(
            input_signature=[
                {
                    "text": tf.TensorSpec([None], tf.string, name="text"),
                    "number": tf.TensorSpec([None], tf.int64, name="number"),
                    "image_bytes": tf.TensorSpec([None], tf.string, name="image_bytes"),
                }
            ]
        )
        def __call__(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            number = tf.cast(inputs["number"], tf.float32)
            nan = tf.fill([tf.size(number), 2], float("nan"))
            return {
                **{name: tf.identity(value) for name, value in inputs.items()},
                "flag": inputs["number"] > 0,
                "not_a_number": tf.concat([nan, tf.stack([number / 0.0], axis=1)], axis=1),
                "total": tf.reduce_sum(number),
            }

    module = Kinds()
    tf.saved_model.save(module, str(tmp_path / "m" / "1"), signatures={"serving_default": module.__call__})
    found = checked(tmp_path, tmp_path / "m" / "1", values).report
    assert found["failures"] == []
    assert list(found["signatures"]) == ["serving_default"]


@pytest.mark.slow
def test_a_dtype_that_json_does_not_have(tmp_path: Path) -> None:
    class Half(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.cast(x, tf.float16)}

    found = checked(tmp_path, planted.save(tmp_path / "m" / "1", Half())).report
    assert found["failures"] == []
    assert found["not_checked"] == {"serving_default over REST": "TF Serving's REST API has no float16 (y)"}
    assert found["latency_ms"]["gRPC"]["requests"] == 5
    assert found["latency_ms"]["REST"]["requests"] == 0


@pytest.mark.slow
def test_two_checks_at_once(tmp_path: Path) -> None:
    offsets = (2.0, 3.0)
    saved = [
        models.half_plus_two_tf2(tmp_path / str(offset) / "m" / "1", offset=offset) for offset in offsets
    ]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda i: checked(tmp_path / str(offsets[i]), saved[i]), range(2)))
    assert [each.report["failures"] for each in made] == [[], []]
