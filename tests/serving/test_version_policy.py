"""What lies under a base path, and what a policy takes of it."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from serving.errors import ServingError
from serving.version_policy import find_all, find_versions
from serving.versions import State, Version, to_unload


def model(base: Path, policy: str = "") -> ModelConfig:
    config = ModelConfig(name="m", base_path=str(base))
    text_format.Merge(f"model_version_policy {{ {policy} }}" if policy else "", config)
    return config


def folders(base: Path, *names: str) -> Path:
    for name in names:
        (base / name).mkdir(parents=True)
    return base


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        ("", [10]),
        ("latest { }", [10]),
        ("latest { num_versions: 0 }", [10]),
        ("latest { num_versions: 2 }", [9, 10]),
        ("latest { num_versions: 4000000000 }", [1, 9, 10]),
        ("all { }", [1, 9, 10]),
        ("specific { versions: 1 versions: 10 versions: 1 }", [1, 10]),
        ("specific { }", []),
    ],
)
def test_policies(tmp_path: Path, policy: str, versions: list[int]):
    base = folders(tmp_path, "1", "9", "10")
    found = find_versions(model(base, policy)).versions
    assert found == {version: base / str(version) for version in versions}


def test_folders_are_versions_when_their_names_are_integers(tmp_path: Path):
    base = folders(tmp_path, "00000123", "-1", "tmp-7", "8.partial", ".9", "1.5", "٣", "v1", "+4", "9" * 30)
    (base / "200").write_text("a file")
    (base / "5").symlink_to(base / "v1", target_is_directory=True)
    found = find_versions(model(base, "all { }"))
    assert found.versions == {123: base / "00000123", -1: base / "-1", 5: base / "5"}
    assert f"{base}/200 is ignored: versions are folders whose names are integers" in found.warnings
    assert f"{base}/tmp-7 is ignored: versions are folders whose names are integers" in found.warnings
    assert len(found.warnings) == 9


def test_two_folders_for_one_version(tmp_path: Path):
    base = folders(tmp_path, "1", "0001")
    found = find_versions(model(base))
    assert found.versions == {1: base / "1"}
    assert found.warnings == [
        "Duplicate version directories detected. Version 1 will be loaded from 1, 0001 will be ignored."
    ]


def test_a_specific_version_that_is_missing(tmp_path: Path):
    found = find_versions(model(folders(tmp_path, "1"), "specific { versions: 2 versions: 1 }"))
    assert list(found.versions) == [1]
    assert found.warnings == [
        "Version 2 of servable m, which was requested to be served as a 'specific' version in the servable's "
        "version policy, was not found in the file system"
    ]


def test_no_versions(tmp_path: Path):
    assert find_versions(model(tmp_path)).warnings == [
        f"No versions of servable m found under base path {tmp_path}. "
        "Did you forget to name your leaf directory as a number (eg. '/1/')?"
    ]


def test_a_base_path_that_is_not_there_or_no_folder(tmp_path: Path):
    missing = tmp_path / "missing"
    with pytest.raises(ServingError) as error:
        find_versions(model(missing))
    assert error.value.code is grpc.StatusCode.NOT_FOUND
    assert error.value.message == (
        f"Could not find base path {missing} for servable m with error NOT_FOUND: {missing} not found"
    )
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(
        ServingError, match=f"Could not read base path {file} for servable m: Not a directory"
    ):
        find_versions(model(file))


def test_a_link_to_itself_is_no_version(tmp_path: Path):
    base = folders(tmp_path, "1")
    (base / "2").symlink_to("2")
    assert find_versions(model(base)).versions == {1: base / "1"}


def test_one_models_error_is_its_own(tmp_path: Path):
    base = folders(tmp_path / "m", "1")
    found = find_all({"m": model(base), "n": model(tmp_path / "n")})
    assert getattr(found["m"], "versions", None) == {1: base / "1"}
    assert isinstance(found["n"], ServingError)


def version(number: int, state: State, wanted: bool) -> Version:
    made = Version("m", number, Path(str(number)))
    made.state = state
    made.aspire(wanted)
    return made


@pytest.mark.parametrize(
    ("versions", "unloaded"),
    [
        ([(1, State.AVAILABLE, True)], []),
        ([(1, State.AVAILABLE, False)], [1]),
        ([(1, State.AVAILABLE, False), (2, State.LOADING, True)], []),
        ([(1, State.AVAILABLE, False), (2, State.END, True)], []),
        ([(1, State.AVAILABLE, False), (2, State.AVAILABLE, True)], [1]),
        ([(1, State.AVAILABLE, False), (2, State.AVAILABLE, False), (3, State.START, True)], [1]),
        ([(1, State.AVAILABLE, False), (2, State.UNLOADING, False), (3, State.LOADING, False)], [1]),
        ([(1, State.AVAILABLE, True), (2, State.AVAILABLE, False), (3, State.AVAILABLE, False)], [2, 3]),
    ],
)
def test_the_last_version_that_answers_stays(versions: list[tuple[int, State, bool]], unloaded: list[int]):
    gone = to_unload(version(*each) for each in versions)
    assert [each.number for each in gone] == unloaded
