"""The component as TFX's launcher runs it: artifact, caching, spans; and its equality with stock."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import event_lib
from tfx.types import artifact_utils, standard_artifacts

from common.errors import BadInput
from components.columnar_example_gen import executor, inputs, tables
from components.columnar_example_gen.component import ColumnarExampleGen

ROWS = "x,kind,y\n" + "".join(f"{i},{'ab'[i % 2]},{i / 4}\n" for i in range(200))
COMPLETE, CACHED, FAILED = (
    metadata_store_pb2.Execution.State.Value(s) for s in ("COMPLETE", "CACHED", "FAILED")
)


class Home:
    """A pipeline root with its metadata, and what the runs of one component left there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        database = str(folder / "metadata.sqlite")
        self.connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(database)

    def run(self, component: Any) -> None:
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="p",
                pipeline_root=str(self.root),
                components=[component.with_id("ExampleGen")],
                metadata_connection_config=self.connection,
                enable_cache=True,
                beam_pipeline_args=["--runner=FnApiRunner", "--direct_running_mode=in_memory"],
            )
        )

    def executions(self) -> list[metadata_store_pb2.Execution]:
        with metadata.Metadata(self.connection) as store:
            return sorted(store.store.get_executions(), key=lambda execution: execution.id)

    def examples(self) -> standard_artifacts.Examples:
        """The output of the latest execution."""
        with metadata.Metadata(self.connection) as handle:
            execution = max(handle.store.get_executions(), key=lambda execution: execution.id)
            events = handle.store.get_events_by_execution_ids([execution.id])
            ids = [event.artifact_id for event in events if event_lib.is_valid_output_event(event)]
            (artifact,) = handle.store.get_artifacts_by_id(ids)
            (kind,) = handle.store.get_artifact_types_by_id([artifact.type_id])
            return artifact_utils.deserialize_artifact(kind, artifact)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "rows.csv"
    path.parent.mkdir()
    path.write_text(ROWS)
    return path


def output(**buckets: int) -> tfx.proto.Output:
    splits = [tfx.proto.SplitConfig.Split(name=name, hash_buckets=count) for name, count in buckets.items()]
    return tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=splits))


def ours(
    path: str | Path, reader: dict[str, Any] | None = None, code: str = "1", **config: Any
) -> ColumnarExampleGen:
    base, pattern = inputs.locate(path)
    split = tfx.proto.Input.Split(name="all", pattern=pattern)
    return ColumnarExampleGen(
        base, tfx.proto.Input(splits=[split]), output(train=7, valid=1, eval=2), reader or {}, code, **config
    )


def records(examples: standard_artifacts.Examples) -> dict[str, list[bytes]]:
    """Split -> its records as they are written, with the map of features in a fixed order."""
    found = {}
    for split in artifact_utils.decode_split_names(examples.split_names):
        paths = tf.io.gfile.glob(os.path.join(artifact_utils.get_split_uri([examples], split), "*"))
        stored = tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator()
        found[split] = [tf.train.Example.FromString(r).SerializeToString(deterministic=True) for r in stored]
    return found


def as_sets(found: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    return {split: sorted(rows) for split, rows in found.items()}


def test_artifact_is_laid_out_as_stock_lays_it_out(home: Home, rows: Path) -> None:
    home.run(ours(rows))
    examples = home.examples()
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "valid", "eval"]
    assert examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert examples.get_string_custom_property("file_format") == "tfrecords_gzip"
    assert examples.get_int_custom_property("span") == 0
    names = {str(path.relative_to(examples.uri)) for path in Path(examples.uri).rglob("*") if path.is_file()}
    shard = "data_tfrecord-00000-of-00001.gz"
    assert names == {f"Split-train/{shard}", f"Split-valid/{shard}", f"Split-eval/{shard}"}
    assert sum(map(len, records(examples).values())) == 200


def test_files_are_recorded_with_artifact_and_execution(home: Home, rows: Path) -> None:
    home.run(ours(rows))
    examples, (execution,) = home.examples(), home.executions()
    (file,) = json.loads(examples.get_string_custom_property("input_files"))
    assert (file["split"], file["file"], file["bytes"], file["rows"]) == ("all", "rows.csv", len(ROWS), 200)
    assert json.loads(execution.custom_properties["input_files"].string_value) == [file]
    fingerprint = examples.get_string_custom_property("input_fingerprint")
    assert fingerprint.startswith("sha256:")
    assert execution.custom_properties["input_fingerprint"].string_value == fingerprint


def test_cache_follows_content_options_and_code(home: Home, rows: Path) -> None:
    def states() -> list[int]:
        return [execution.last_known_state for execution in home.executions()]

    home.run(ours(rows))
    os.utime(rows, (1, 1))
    home.run(ours(rows))
    assert states() == [COMPLETE, CACHED]
    rows.write_text(ROWS + "200,a,50\n")
    home.run(ours(rows))
    assert states() == [COMPLETE, CACHED, COMPLETE]
    home.run(ours(rows, {"drop": ["y"]}))
    home.run(ours(rows, {"drop": ["y"]}, code="2"))
    assert states() == [COMPLETE, CACHED, COMPLETE, COMPLETE, COMPLETE]


def test_bad_input_ends_as_a_failed_execution_and_leaves_no_examples(home: Home, rows: Path) -> None:
    rows.write_text(ROWS + "x,a\n")
    with pytest.raises(BadInput, match=r"rows\.csv:202: too few fields"):
        home.run(ours(rows))
    with pytest.raises(BadInput, match=r"row\.csv: no such file or folder; nearest in .*: rows\.csv"):
        home.run(ours(rows.with_name("row.csv")))
    assert [execution.last_known_state for execution in home.executions()] == [FAILED, FAILED]
    assert not list(home.root.rglob("*.gz"))


def test_a_file_that_changes_while_it_is_read(
    home: Home, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_row_later(*arguments: Any) -> tables.Tables:
        rows.write_text(ROWS + "200,a,50\n")
        return tables.Tables(*arguments)

    monkeypatch.setattr(executor, "Tables", one_row_later)
    # All goes to disk.
    monkeypatch.setattr(executor, "IN_MEMORY", 0)
    with pytest.raises(BadInput, match="the input files changed while the run was reading them; run again"):
        home.run(ours(rows))
    assert not list(home.root.rglob("*.gz"))
    assert not list(home.root.rglob("spilled"))


def all_numbers(home: Home) -> list[int]:
    return [
        tf.train.Example.FromString(record).features.feature["x"].int64_list.value[0]
        for split in records(home.examples()).values()
        for record in split
    ]


def test_latest_or_asked_span_is_read_and_recorded(home: Home, tmp_path: Path) -> None:
    for span, version in ((1, 1), (2, 1), (2, 2)):
        path = tmp_path / f"span-{span}" / f"v{version}" / "rows.csv"
        path.parent.mkdir(parents=True)
        path.write_text(ROWS + f"{1000 * span + version},a,1\n")

    def spans_and_largest() -> tuple[int, int, int]:
        examples = home.examples()
        return (
            examples.get_int_custom_property("span"),
            examples.get_int_custom_property("version"),
            max(all_numbers(home)),
        )

    pattern = tmp_path / "span-{SPAN}" / "v{VERSION}" / "*.csv"
    home.run(ours(pattern))
    assert spans_and_largest() == (2, 2, 2002)
    static = tfx.proto.StaticRange(start_span_number=1, end_span_number=1)
    home.run(ours(pattern, range_config=tfx.proto.RangeConfig(static_range=static)))
    assert spans_and_largest() == (1, 1, 1001)
    static = tfx.proto.StaticRange(start_span_number=1, end_span_number=2)
    rolling = tfx.proto.RollingRange(num_spans=2)
    for window in (
        tfx.proto.RangeConfig(static_range=static),
        tfx.proto.RangeConfig(rolling_range=rolling),
    ):
        home.run(ours(pattern, range_config=window))
        assert spans_and_largest() == (2, 2, 2002)
        assert {1001, 2002} < set(all_numbers(home))


def test_explicit_splits_are_kept(home: Home, tmp_path: Path) -> None:
    for name, count in (("train", 100), ("eval", 50)):
        lines = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(count))
        (tmp_path / f"{name}.csv").write_text("x,kind\n" + lines)
    splits = [tfx.proto.Input.Split(name=name, pattern=f"{name}.csv") for name in ("train", "eval")]
    reader = {"labels": ["kind"], "task": "binary"}
    home.run(ColumnarExampleGen(str(tmp_path), tfx.proto.Input(splits=splits), tfx.proto.Output(), reader))
    assert {split: len(found) for split, found in records(home.examples()).items()} == {
        "train": 100,
        "eval": 50,
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\n\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("a", '"a"').encode(),
    ],
    ids=["byte order mark", "windows line ends", "blank lines", "no last line end", "quotes"],
)
def test_same_rows_in_another_form_are_the_same_examples(
    tmp_path: Path, rows: Path, change: Callable[[str], bytes]
) -> None:
    first, second = Home(tmp_path / "1"), Home(tmp_path / "2")
    first.run(ours(rows))
    rows.write_bytes(change(ROWS))
    second.run(ours(rows))
    assert records(first.examples()) == records(second.examples())


def test_several_files_packed_or_not_with_another_delimiter(tmp_path: Path, rows: Path) -> None:
    first, second = Home(tmp_path / "1"), Home(tmp_path / "2")
    first.run(ours(rows))
    header, *lines = ROWS.replace(",", ";").splitlines(keepends=True)
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "1.csv").write_text(header + "".join(lines[:70]))
    (folder / "2.csv.gz").write_bytes(gzip.compress((header + "".join(lines[70:])).encode()))
    second.run(ours(folder, {"delimiter": ";"}))
    assert records(first.examples()) == records(second.examples())


def test_same_bytes_from_run_to_run(tmp_path: Path, rows: Path) -> None:
    found = []
    for number in ("1", "2"):
        home = Home(tmp_path / number)
        home.run(ours(rows))
        paths = sorted(Path(home.examples().uri).rglob("*.gz"))
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]


def taxi() -> str:
    path = files("tfx") / "examples" / "chicago_taxi_pipeline" / "data" / "big_tipper_label" / "data.csv"
    return Path(str(path)).read_text()


HARD = (
    "id,number,late,text,empty,long,ünï,a,a1\n"
    '1,1.5,1,"comma, inside",,18446744073709551616,ä,1,x\n'
    '2,,2,"line\nend and ""quotes""",,18446744073709551617,,2,\n'
    '\n3,-2e-3,3," spaces ",,18446744073709551618,"☃",3,"x"\n'
    "+4,.5,4,,,18446744073709551619,\u00a0,,y\n"
    ' 5,1_0,5,"",,18446744073709551620,z,5,y\n'
    + "".join(f"{i},{i}.25,{i},t{i % 3},,18446744073709551699,é,{i},q\n" for i in range(6, 400))
    + "400,1,400.5,last,,18446744073709551700,é,6,q"
)


@pytest.mark.parametrize("content", [taxi(), HARD], ids=["taxi", "hard"])
def test_examples_and_splits_are_those_of_stock(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    found = []
    base, pattern = inputs.locate(path)
    config = tfx.proto.Input(splits=[tfx.proto.Input.Split(name="all", pattern=pattern)])
    stock = tfx.components.CsvExampleGen(base, config, output(train=7, valid=1, eval=2))
    for name, component in (("ours", ours(path)), ("stock", stock)):
        home = Home(tmp_path / name)
        home.run(component)
        found.append(as_sets(records(home.examples())))
    assert found[0] == found[1]
    assert all(found[0].values())
