"""Versions in an object store, against a real server: numbered, whole, kept and never half seen."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from common import remote_files
from common.errors import UserError
from components.pusher import remote
from serving import remote_models
from tests.object_store import ObjectStore


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """What a SavedModel consists of; its bytes do not matter here."""
    folder = tmp_path / "model"
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name * 100)
    (folder / "assets").mkdir()
    return folder


PARTS = [
    "assets.extra/mlpipe.json",
    "saved_model.pb",
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
]


def test_versions_are_numbered_and_the_latest_stay(model: Path, s3: ObjectStore) -> None:
    uri = s3.uri("models/m")
    assert remote.versions(uri) == []
    for number in range(1, 5):
        assert remote.push(model, uri, {"model_id": number}) == number
    assert s3.keys("models/m/4/") == [f"models/m/4/{part}" for part in PARTS]
    assert json.loads(s3.get("models/m/3/assets.extra/mlpipe.json")) == {"model_id": 3}
    remote.prune(uri, keep=2)
    assert remote.versions(uri) == [3, 4]
    assert {key.split("/")[2] for key in s3.keys("models/m/")} == {"3", "4"}


def test_a_model_that_is_the_latest_version_is_not_pushed_again(model: Path, s3: ObjectStore) -> None:
    uri = s3.uri("m")
    assert [remote.push(model, uri, {"model_id": one}) for one in (7, 7, 8, 7)] == [1, 1, 2, 3]


def test_what_a_killed_push_left_is_no_version_and_goes(model: Path, s3: ObjectStore) -> None:
    uri = s3.uri("m")
    remote.push(model, uri, {"model_id": 1})
    # One was killed at its upload, another in the middle of the copies within the store.
    s3.put("m/.pushing-2/saved_model.pb", "half")
    s3.put("m/2/variables/variables.index", "half")
    assert remote.versions(uri) == [1]
    assert remote_models.versions(uri) == ["1"]
    assert remote.push(model, uri, {"model_id": 2}) == 2
    assert s3.get("m/2/variables/variables.index") == b"variables/variables.index" * 100
    assert [key for key in s3.keys("m/") if ".pushing" in key] == []


def test_whoever_finds_the_model_finds_all_of_it(model: Path, s3: ObjectStore) -> None:
    """A reader that looks all the time, at each moment of ten pushes and removals."""
    uri, halves, seen, done = s3.uri("m"), [], set(), threading.Event()

    def look() -> None:
        while not done.is_set():
            for version in remote_models.versions(uri):
                names = {file.name for file in remote_files.files(remote_files.join(uri, version))}
                # It may have begun to go since.
                if "saved_model.pb" in names:
                    seen.add(version)
                    halves.extend([(version, names)] if names != set(PARTS) else [])

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(1, 11):
            remote.push(model, uri, {"model_id": number})
            remote.prune(uri, keep=1)
    finally:
        done.set()
        reader.join()
    assert halves == []
    assert len(seen) > 2


def test_no_permission_leaves_what_is_served(
    model: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3.uri("m")
    remote.push(model, uri, {"model_id": 1})
    before = s3.keys()
    with s3.as_reader(monkeypatch), pytest.raises(UserError) as caught:
        remote.push(model, uri, {"model_id": 2})
    assert str(caught.value).startswith(f"push to {uri} failed: ")
    assert "no permission" in str(caught.value)
    assert str(caught.value).endswith("; version 1 stays served")
    assert s3.keys() == before
