"""From files to shards: in threads, in Beam, in memory or over the disk, in one or many pieces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, examples, frames, here, in_beam, spill, tables, writer
from components.columnar_example_gen.examples import Division, Encode
from components.columnar_example_gen.options import ReaderOptions
from components.columnar_example_gen.spill import Spill
from components.columnar_example_gen.tables import Tables

BUCKETS = {"train": 7, "valid": 1, "eval": 2}
OPTIONS = ReaderOptions(labels=["kind"], task="multiclass")
ROWS = "x,kind,y\n" + "".join(f'{i},"{"ab"[i % 2]}\n",{i / 4}\n' for i in range(1000))


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeff" + ROWS)
    return str(path)


def written(
    rows: str,
    folder: Path,
    shards: int = 1,
    in_memory: int = spill.IN_MEMORY,
    buckets: int = 8,
    workers: Any = here,
) -> dict[str, bytes]:
    """The files of all splits, below `folder`."""
    given = Tables({"all": [rows]}, OPTIONS)
    division = Division.of(given, BUCKETS)
    encode = Encode(OPTIONS, division, Spill(str(folder / "spilled"), buckets, in_memory))
    read = tables.read(given, encode, workers.pieces)
    assert sum(examples.check(read, division.names).values()) == 1000
    runs = [made.run for made in read.made() if made.run]
    for shard in range(shards):
        writer.write_shard(shard, shards, runs, buckets, [str(folder / name) for name in BUCKETS])
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.gz"))}


def records(files: dict[str, bytes], folder: Path) -> dict[str, list[bytes]]:
    """Split -> records in the order of its shards."""
    return {
        split: list(
            tf.data.TFRecordDataset(
                [str(folder / name) for name in files if name.startswith(split)], "GZIP"
            ).as_numpy_iterator()
        )
        for split in BUCKETS
    }


def make_pipeline() -> beam.Pipeline:
    return beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner", "--direct_running_mode=in_memory"]))


def test_shards_hold_the_records_in_order(rows: str, tmp_path: Path) -> None:
    built = examples.build({"all": [rows]}, OPTIONS, BUCKETS)
    expected = {split: list(built.records(split)) for split in BUCKETS}
    assert min(map(len, expected.values())) > 50
    for shards in (1, 4):
        folder = tmp_path / str(shards)
        files = written(rows, folder, shards)
        assert len(files) == 3 * shards
        assert f"train/data_tfrecord-00000-of-{shards:05d}.gz" in files
        assert records(files, folder) == expected


def test_bytes_do_not_depend_on_blocks_memory_or_threads(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(rows, tmp_path / "whole", 2)
    assert written(rows, tmp_path / "disk", 2, in_memory=0) == whole
    assert len(list((tmp_path / "disk" / "spilled").iterdir())) == 1
    monkeypatch.setattr(csv_reader.blocks, "__defaults__", (2000, 0, None))
    monkeypatch.setattr(examples, "_ROWS_AT_ONCE", 7)
    pieces = written(rows, tmp_path / "pieces", 2, in_memory=3000)
    assert 1 < len(list((tmp_path / "pieces" / "spilled").iterdir())) < 20
    monkeypatch.setattr(here, "_MOST_THREADS", 1)
    assert pieces == written(rows, tmp_path / "one", 2) == whole


def test_beam_writes_the_same(rows: str, tmp_path: Path) -> None:
    workers = in_beam.Spread(make_pipeline, str(tmp_path / "results"), part=3000)
    assert len(list(workers._parts(Tables({"all": [rows]}, OPTIONS)))) > 3
    beamed = written(rows, tmp_path / "beam", 2, workers=workers)
    assert beamed == written(rows, tmp_path / "here", 2)
    doubled = list(workers.in_order(str.upper, ["a", "b"]))
    assert doubled == ["A", "B"]


def test_a_mistake_that_a_worker_meets_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + "1,a\n")
    workers = in_beam.Spread(make_pipeline, str(tmp_path / "results"), part=3000)
    with pytest.raises(BadInput, match=r"rows\.csv:2002: too few fields: 2 for 3 columns"):
        written(str(path), tmp_path / "beam", workers=workers)


def test_an_empty_shard_is_a_file_without_records(tmp_path: Path) -> None:
    run = Spill(str(tmp_path), 4).add(0, [])
    writer.write_shard(0, 2, [run], 4, [str(tmp_path / "eval")])
    files = {path.name: path.read_bytes() for path in (tmp_path / "eval").iterdir()}
    assert list(files) == ["data_tfrecord-00000-of-00002.gz"]
    assert list(tf.data.TFRecordDataset([str(tmp_path / "eval" / name) for name in files], "GZIP")) == []


def test_frames_are_those_of_a_tfrecord_file(tmp_path: Path) -> None:
    values = [b"", b"a", b"x" * 300, b"y" * 300]
    array = pa.array([b"before", *values], pa.large_binary()).slice(1)
    framed = frames.framed(array, frames.separate(array)).to_pylist()
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as file:
        for value in values:
            file.write(value)
    assert b"".join(framed) == (tmp_path / "file").read_bytes()


def test_how_many_shards_and_buckets() -> None:
    def shards(size: int, buckets: int = 512) -> int:
        return writer.shards_for([spill.Run("", [], [], size)], buckets)

    assert [shards(size << 20) for size in (0, 47, 95, 96, 400, 10**6)] == [1, 1, 1, 2, 8, 128]
    assert shards(10**10, 4) == 4
    assert [spill.buckets_for(size << 20) for size in (0, 24, 25, 500, 10**6)] == [1, 1, 2, 32, 512]


def test_runs_keep_every_record(tmp_path: Path) -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 500, np.uint64, endpoint=False)
    texts = [str(key).encode() for key in keys]
    group = spill.pack(keys, np.arange(500) % 3, pa.array(texts, pa.large_binary()), 16)
    for run in (
        Spill(str(tmp_path), 16).add(1, [group, group]),
        Spill(str(tmp_path), 16, 0).add(2, [group, group]),
    ):
        found: Counter[bytes] = Counter()
        for bucket in range(16):
            for part in run.read(bucket):
                assert set(part.keys >> np.uint64(60)) == {bucket}
                assert [str(key).encode() for key in part.keys] == part.frames.to_pylist()
                found.update(part.frames.to_pylist())
        assert found == Counter(texts * 2)
