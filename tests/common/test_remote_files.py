"""Copies between this machine and a store that speaks S3, against a real server."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from common import object_stores, remote_files
from common.errors import BadInput, UserError
from tests.object_store import ObjectStore, object_store, use


def folder(path: Path, **contents: str) -> Path:
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


def tree(path: Path) -> list[str]:
    return sorted(str(one.relative_to(path)) for one in path.rglob("*"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Files in folders, an empty folder, an empty file, a packed one and names that a URI would escape."""
    made = folder(
        tmp_path / "model", **{"variables/index": "i" * 9, "BLESSED": "", "data.gz": "no gzip", "a b é": "x"}
    )
    (made / "assets").mkdir()
    return made


def test_a_folder_comes_back_as_it_went(model: Path, s3: ObjectStore, tmp_path: Path) -> None:
    uri = s3.uri("runs/1")
    remote_files.upload(model, uri)
    assert s3.keys() == [f"runs/1/{name}" for name in ("BLESSED", "a b é", "data.gz", "variables/index")]
    assert s3.get("runs/1/data.gz") == b"no gzip"
    assert [(file.name, file.bytes) for file in remote_files.files(uri)] == [
        ("BLESSED", 0),
        ("a b é", 1),
        ("data.gz", 7),
        ("variables/index", 9),
    ]
    copy = tmp_path / "copy"
    remote_files.download(uri, copy)
    assert tree(copy) == tree(model)
    assert (copy / "data.gz").read_text() == "no gzip"


def test_what_is_there_already_is_not_copied_again(model: Path, s3: ObjectStore, tmp_path: Path) -> None:
    uri = s3.uri("runs/1")
    remote_files.upload(model, uri)
    copy = tmp_path / "copy"
    remote_files.download(uri, copy)
    inodes = {path: path.stat().st_ino for path in (*copy.rglob("*"), *model.rglob("*"))}
    # Neither is the folder that was uploaded.
    for local in (copy, model):
        remote_files.download(uri, local, immutable=True)
    assert {path: path.stat().st_ino for path in (*copy.rglob("*"), *model.rglob("*"))} == inodes


def test_two_that_copy_the_same_at_once_do_not_meet(s3: ObjectStore, tmp_path: Path) -> None:
    for number in range(30):
        s3.put(f"shards/{number:02}", f"{number}" * 1000)
    script = (
        "import sys; from pathlib import Path; from common import remote_files;"
        "remote_files.download(sys.argv[1], Path(sys.argv[2]), immutable=True)"
    )
    command = [sys.executable, "-c", script, s3.uri("shards"), str(tmp_path / "copy")]
    both = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert tree(tmp_path) == ["copy", *(f"copy/{number:02}" for number in range(30))]
    assert (tmp_path / "copy" / "07").read_text() == "7" * 1000


def test_a_copy_becomes_what_the_folder_is_now(s3: ObjectStore, tmp_path: Path) -> None:
    for key in ("rows/a.csv", "rows/b.csv", "rows/old.csv"):
        s3.put(key, "one")
    remote_files.download(s3.uri("rows"), tmp_path)
    # The same size within the same second of the store's clock.
    s3.put("rows/a.csv", "two")
    s3.client("s3").delete_object(Bucket=s3.bucket, Key="rows/old.csv")
    remote_files.download(s3.uri("rows"), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "two", "b.csv": "one"}


def test_an_upload_leaves_nothing_of_a_former_one(s3: ObjectStore, tmp_path: Path) -> None:
    remote_files.upload(folder(tmp_path / "old", **{"a": "1", "shard-00000-of-00001": "2"}), s3.uri("x"))
    remote_files.upload(folder(tmp_path / "new", **{"a": "3"}), s3.uri("x"))
    assert s3.keys() == ["x/a"]


def test_a_file_that_changes_while_it_is_read(s3: ObjectStore, tmp_path: Path) -> None:
    s3.put("rows/a.csv", "one")
    found = remote_files.files(s3.uri("rows"))
    s3.put("rows/a.csv", "longer")
    with pytest.raises(UserError) as caught:
        remote_files.copy_here(s3.uri("rows"), found, tmp_path)
    assert (
        str(caught.value)
        == f"{s3.uri('rows/a.csv')}: changed while it was read; try again when it is written"
    )
    assert list(tmp_path.iterdir()) == []
    s3.client("s3").delete_object(Bucket=s3.bucket, Key="rows/a.csv")
    with pytest.raises(UserError, match="is gone since it was listed; try again"):
        remote_files.copy_here(s3.uri("rows"), found, tmp_path)


def test_single_files_and_folders(s3: ObjectStore) -> None:
    assert remote_files.read(s3.uri("a/b.json")) is None
    remote_files.write(s3.uri("a/b.json"), b"{}")
    assert remote_files.read(s3.uri("a/b.json")) == b"{}"
    assert remote_files.exists(s3.uri("a/b.json"))
    assert remote_files.is_folder(s3.uri("a"))
    assert not remote_files.is_folder(s3.uri("a/b.json"))
    remote_files.write(s3.uri("a/2/c"), b"c")
    assert remote_files.children(s3.uri("a")) == ["2"]
    assert [file.name for file in remote_files.stat(s3.uri("a"), ["b.json", "none"])] == ["b.json"]
    remote_files.delete(s3.uri("a"))
    remote_files.delete(s3.uri("a"))
    assert s3.keys() == []
    assert remote_files.files(s3.uri("a")) == []


def test_a_folder_is_renamed_with_one_file_as_the_last(model: Path, s3: ObjectStore) -> None:
    remote_files.upload(model, s3.uri("m/.new"))
    remote_files.rename(s3.uri("m/.new"), s3.uri("m/1"), last="BLESSED")
    assert s3.keys() == [f"m/1/{name}" for name in ("BLESSED", "a b é", "data.gz", "variables/index")]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "ftp://host/x",
            "ftp://host/x: no store that is known; write s3://bucket/folder, gs://... or hdfs://...",
        ),
        ("s3:///x", "s3:///x: no bucket in it; write s3://bucket/folder"),
        ("s3://me:hush@b/x", "s3://b/x: credentials do not belong into the URI; set them in the environment"),
    ],
)
def test_uris_that_are_refused(uri: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        remote_files.files(uri)
    assert str(caught.value) == message


def test_a_bucket_that_is_missing(s3: ObjectStore, tmp_path: Path) -> None:
    line = "s3://none-such/a: there is no bucket s3://none-such; make it, or name another"
    for ask in (remote_files.files, remote_files.children, lambda uri: remote_files.write(uri, b"")):
        with pytest.raises(BadInput) as caught:
            ask("s3://none-such/a")
        assert str(caught.value) == line


def test_no_permission(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("a/b", "c")
    with s3.as_reader(monkeypatch):
        assert remote_files.read(s3.uri("a/b")) == b"c"
        for ask in (lambda uri: remote_files.write(uri, b""), remote_files.delete):
            with pytest.raises(UserError) as caught:
                ask(s3.uri("a/b"))
            assert str(caught.value) == (
                f"{s3.uri('a/b')}: no permission; give this user the right to list, read, write and delete there"
            )
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
        object_stores.forget()
        with pytest.raises(UserError) as caught:
            remote_files.files(s3.uri("a"))
        assert str(caught.value) == (
            f"{s3.uri('a')}: the store does not know these credentials; set those that it knows"
        )


def test_a_store_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    began = time.monotonic()
    with pytest.raises(UserError) as caught:
        remote_files.files("s3://bucket/a")
    assert str(caught.value) == f"s3://bucket/a: {endpoint} does not answer; is it up, and is the network?"
    assert time.monotonic() - began < 20


def test_a_full_disk_is_told_before_anything_half_is_left(s3: ObjectStore) -> None:
    """On the smallest real file system that can be had: a mounted one of a megabyte, else this is skipped."""
    s3.put("rows/big.csv", b"x" * 3_000_000)
    with tempfile.TemporaryDirectory() as small:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True
        )
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
        try:
            with pytest.raises(UserError) as caught:
                remote_files.download(s3.uri("rows"), Path(small, "rows"))
            assert str(caught.value) == (
                f"{small}/rows: the disk is full; free some space there, or name another --home"
            )
            assert tree(Path(small)) == ["rows"]
        finally:
            subprocess.run(["umount", small], check=True)


def test_a_server_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with object_store() as server:
        use(server, monkeypatch)
        uri = server.with_bucket().uri("a")
        server.stop()
        with pytest.raises(UserError, match="does not answer"):
            remote_files.files(uri)
        server.start()
        # moto keeps its objects in memory: the bucket went with it.
        with pytest.raises(BadInput, match="there is no bucket"):
            remote_files.files(uri)
