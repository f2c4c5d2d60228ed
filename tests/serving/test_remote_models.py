"""Models in an object store, served by the real server from a real store."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from common import remote_files
from components.pusher import remote
from serving import remote_models
from serving.errors import ServingError
from serving.version_policy import find_versions
from tests.object_store import ObjectStore
from tests.serving import models
from tests.serving.process import serving

SECONDS = 60


def test_a_version_is_served_when_its_model_is_there(s3: ObjectStore) -> None:
    model = ModelConfig(name="m", base_path=s3.uri("m"))
    model.model_version_policy.all.SetInParent()
    assert find_versions(model).versions == {}
    for key in (
        "m/1/saved_model.pb",
        "m/2/variables/variables.index",
        "m/.pushing-3/saved_model.pb",
        "m/x/saved_model.pb",
    ):
        s3.put(key, "x")
    assert list(find_versions(model).versions) == [1]
    path = find_versions(model).versions[1]
    remote_models.fetch(path)
    assert (path / "saved_model.pb").read_text() == "x"
    remote_models.forget(path)
    assert not path.exists()


def test_folders_of_this_machine_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    remote_models.fetch(tmp_path / "1")
    remote_models.forget(tmp_path / "1")
    assert (tmp_path / "1").is_dir()


def test_a_store_that_is_down_unloads_nothing(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ServingError, match=r"Could not read base path s3://.* does not answer") as caught:
        find_versions(ModelConfig(name="m", base_path=s3.uri("m")))
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_push_is_served_at_once(s3: ObjectStore, tmp_path: Path) -> None:
    models.half_plus_two_tf2(tmp_path / "a")
    models.half_plus_two_tf2(tmp_path / "b", offset=3.0)
    remote.push(tmp_path / "a", s3.uri("half"), {"model_id": 1})
    with serving(tmp_path, "--model_name=half", f"--model_base_path={s3.uri('half')}") as server:
        ask = {"instances": [{"x": 1.0}]}
        assert server.rest("/v1/models/half:predict", ask).json == {"predictions": [2.5]}
        remote.push(tmp_path / "b", s3.uri("half"), {"model_id": 2})
        remote.prune(s3.uri("half"), keep=1)
        end = time.monotonic() + SECONDS
        while server.rest("/v1/models/half:predict", ask).json != {"predictions": [3.5]}:
            assert time.monotonic() < end
            time.sleep(0.2)
    assert remote_files.children(s3.uri("half")) == ["2"]
