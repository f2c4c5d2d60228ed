"""Requests that the trainer module left in the model, as what its signatures are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from common.errors import UserError
from components.serving_check import executor, recorded, rows
from components.serving_check.feeding import CannotFeed
from components.serving_check.own_answers import OwnModel
from components.serving_check.signatures import signatures
from tests.components.serving_check.test_executor import checked
from tests.components.serving_check.test_feeding import example
from tests.components.serving_check.test_stamped_model import WARM_UP, logs, request
from tests.serving import models


class Repeats(tf.Module):
    """`repeat`: a word so many times, and how often it was asked while `counts`; `serving_default`: x/2."""

    def __init__(self, counts: bool) -> None:
        super().__init__()
        self.asked = tf.Variable(0)
        self._step = int(counts)

    @tf.function(
        input_signature=[
            {
                "word": tf.TensorSpec([None], tf.string, name="word"),
                "times": tf.TensorSpec([None], tf.int32, name="times"),
            }
        ]
    )
    def repeat(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        before = self.asked.read_value()
        with tf.control_dependencies([before]):
            self.asked.assign_add(self._step)
        words = tf.repeat(inputs["word"][:, tf.newaxis], tf.reduce_max(inputs["times"]), axis=1)
        return {
            "text": tf.strings.reduce_join(words, axis=1),
            "asked": tf.fill(tf.shape(inputs["word"]), before),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x / 2}


def saved(folder: Path, *requests: Any, counts: bool = False) -> Path:
    module = Repeats(counts)
    tf.saved_model.save(
        module, str(folder), signatures={"serving_default": module.half, "repeat": module.repeat}
    )
    if requests:
        models.write_warmup(folder, requests)
    return folder


def ask(word: bytes, times: int, signature: str = "repeat") -> PredictionLog:
    return request(signature, word=np.array([word], object), times=np.int32([times]))


def fed(folder: Path, asked: list[bytes], name: str = "repeat") -> executor.Feed:
    found = signatures(folder)[name]
    return executor._feed(name, found, rows.of_examples(asked), OwnModel(folder), recorded.read(folder))


ASKED = [example(x=1.0), example(x=2.0)]


def test_what_the_examples_do_not_hold_comes_from_the_model(tmp_path: Path) -> None:
    folder = saved(tmp_path / "1", ask(b"a", 2), request("serving_default", x=np.float32([9])), ask(b"", 3))
    feed = fed(folder, ASKED)
    assert (feed.kind, feed.count, feed.guessed) == ("requests", 2, False)
    assert feed.tensors["word"].tolist() == [b"a", b""]
    assert (feed.tensors["times"].tolist(), feed.tensors["times"].dtype) == ([2, 3], np.int32)
    assert fed(folder, ASKED, "serving_default").tensors["x"].tolist() == [1.0, 2.0]


def test_a_model_without_requests_is_not_asked(tmp_path: Path) -> None:
    folder = saved(tmp_path / "1")
    assert recorded.read(folder).records == ()
    with pytest.raises(CannotFeed, match=r"^the examples have no feature for its input times$"):
        fed(folder, ASKED)


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        (
            [ask(b"a", 2), request("repeat", word=np.array([[b"a"]], object), times=np.int32([1]))],
            "are no rows",
        ),
        (
            [request("repeat", word=np.array([b"a"] * 2, object), times=np.int32([1]))],
            "the same number of rows",
        ),
        ([request("repeat")], "the same number of rows"),
    ],
)
def test_requests_that_are_no_rows(tmp_path: Path, requests: list[PredictionLog], message: str) -> None:
    folder = saved(tmp_path / "1", *requests)
    with pytest.raises(CannotFeed, match=message):
        fed(folder, ASKED)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    folder = saved(tmp_path / "1", ask(b"a", 2))
    (folder / WARM_UP).write_bytes(b"no records at all")
    with pytest.raises(
        UserError, match="tf_serving_warmup_requests: the trainer module wrote no TFRecord file"
    ):
        recorded.read(folder)


@pytest.mark.slow
def test_a_signature_that_takes_no_columns_is_served_as_it_answers_itself(tmp_path: Path) -> None:
    made = checked(tmp_path, saved(tmp_path / "m" / "1", ask(b"ab", 2), ask("\u00fc".encode(), 3)))
    found = made.report
    assert (found["failures"], found["not_checked"]) == ([], {})
    assert {name: signature["fed"] for name, signature in found["signatures"].items()} == {
        "repeat": "requests",
        "serving_default": "features",
    }
    assert found["latency_ms"]["gRPC"]["requests"] == 2 + 5
    stored = [
        log.predict_log.request.model_spec.signature_name for log in logs(made.folder / "stamped_model")
    ]
    assert stored == ["repeat"] * 2 + ["serving_default"] * 4


@pytest.mark.slow
def test_a_signature_that_takes_no_columns_and_answers_otherwise_when_served(tmp_path: Path) -> None:
    made = checked(tmp_path, saved(tmp_path / "m" / "1", ask(b"ab", 2), counts=True))
    rest, grpc = made.report["failures"]
    assert rest == "repeat over REST: output asked is 1, the model's own is 0 (row 0 of the batch of 1)"
    assert grpc == "repeat over gRPC: output asked is 2, the model's own is 0 (row 0 of the batch of 1)"
