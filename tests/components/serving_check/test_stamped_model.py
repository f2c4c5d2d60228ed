"""The model that is pushed: the candidate's own files, and warm-up requests that TF Serving can replay."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from components.serving_check import feeding, recorded, rows, stamped_model
from components.serving_check.feeding import Feed
from components.serving_check.signatures import signatures
from tests.components.serving_check.test_feeding import example
from tests.serving import models

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
ROWS = rows.of_examples([example(x=float(i)) for i in range(6)])


def logs(folder: Path) -> list[prediction_log_pb2.PredictionLog]:
    records = tf.data.TFRecordDataset(str(folder / WARM_UP)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def request(signature: str, **inputs: np.ndarray) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, values in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return log


def stamp(saved_model: Path, blessing: Path, name: str, found: dict[str, Feed], count: int) -> Path:
    return stamped_model.stamp(saved_model, blessing, name, found, count, recorded.read(saved_model))


def feeds(saved_model: Path) -> dict[str, Feed]:
    found = {}
    for name, signature in signatures(saved_model).items():
        try:
            found[name] = feeding.feed(signature, ROWS)
        except feeding.CannotFeed:
            continue
    return found


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.classes(tmp_path_factory.mktemp("classes") / "1")


def test_it_lies_where_tfx_looks_for_it_and_takes_no_room(classes: Path, tmp_path: Path) -> None:
    stamped = stamp(classes, tmp_path, "m", feeds(classes), 4)
    assert stamped == tmp_path / "stamped_model"
    original, link = classes / "saved_model.pb", stamped / "saved_model.pb"
    assert link.samefile(original)
    assert not (classes / WARM_UP).exists()
    shutil.rmtree(stamped)
    assert original.read_bytes()


def test_a_disk_without_hard_links(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    stamped = stamp(classes, tmp_path, "m", feeds(classes), 4)
    assert not (stamped / "saved_model.pb").samefile(classes / "saved_model.pb")
    assert (stamped / "saved_model.pb").read_bytes() == (classes / "saved_model.pb").read_bytes()


def test_requests_of_every_signature_in_turns(classes: Path, tmp_path: Path) -> None:
    found = logs(stamp(classes, tmp_path, "penguin", feeds(classes), 7))
    assert len(found) == 7
    by_kind = [log.WhichOneof("log_type") for log in found]
    assert by_kind[:5] == ["classify_log", "classify_log", "predict_log", "classify_log", "classify_log"]
    request = found[2].predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("penguin", "predict_examples")
    assert tf.make_ndarray(request.inputs["examples"]).tolist() == [ROWS.serialized[0]]
    classify = found[5].classify_log.request
    assert classify.model_spec.signature_name == "both"
    (second,) = classify.input.example_list.examples
    assert second.features.feature["x"].float_list.value == [1.0]


def test_regressions(tmp_path: Path) -> None:
    model = models.half_plus_two(tmp_path / "m" / "1")
    found = logs(stamp(model, tmp_path, "m", feeds(model), 100))
    # regress_x2_to_y3 takes no tf.Example; six rows of each of the others.
    assert len(found) == 5 * 6
    assert {log.regress_log.request.model_spec.signature_name for log in found} == {
        "",
        "regress_x_to_y",
        "regress_x_to_y2",
    }


def test_a_guess_is_no_warm_up(tmp_path: Path) -> None:
    model = models.vocabulary(tmp_path / "m" / "1")
    found = feeds(model)
    assert found["serving_default"].guessed
    assert logs(stamp(model, tmp_path, "m", found, 4)) == []


def test_no_more_than_tf_serving_takes(
    tmp_path: Path, classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamped_model.warm_up, "MOST", 3)
    assert len(logs(stamp(classes, tmp_path, "m", feeds(classes), 100))) == 3


def test_requests_of_the_trainer_module_itself_stay(tmp_path: Path) -> None:
    model = models.half_plus_two_tf2(tmp_path / "m" / "1")
    models.write_warmup(model, [request("serving_default", x=np.float32([1]))])
    before = (model / WARM_UP).read_bytes()
    stamped = stamp(model, tmp_path, "m", feeds(model), 4)
    assert (stamped / WARM_UP).read_bytes() == before


def test_a_signature_that_the_trainer_module_did_not_ask_is_asked_too(classes: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(classes, tmp_path / "m" / "1"))
    models.write_warmup(model, [request("predict_examples", examples=np.array([b""], object)), b"its own"])
    before = (model / WARM_UP).read_bytes()
    with pytest.raises(DecodeError):
        logs(model)
    stamped = stamp(model, tmp_path, "m", feeds(model), 4)
    assert (model / WARM_UP).read_bytes() == before
    records = list(tf.data.TFRecordDataset(str(stamped / WARM_UP)).as_numpy_iterator())
    assert (stamped / WARM_UP).read_bytes().startswith(before)
    added = [prediction_log_pb2.PredictionLog.FromString(record) for record in records[2:]]
    assert [log.WhichOneof("log_type") for log in added] == ["classify_log"] * 4
