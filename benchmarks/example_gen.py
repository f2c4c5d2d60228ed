"""ExampleGen alone: stock CsvExampleGen and ours on the same file of drawn rows, side by side.

    python -m benchmarks.example_gen [--rows N] [--pairs N]

Each runs in a new process with a new state folder, under the same runner (Beam in memory); the pairs alternate. `component`
are the seconds between its records in ML Metadata, `process` is all of the command with its imports. Both have to make the
same examples in the same splits: the sets of their records are compared by the sum of their hashes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx

from benchmarks import big_table, table
from benchmarks.measure import Cost, command
from components.columnar_example_gen import inputs
from components.columnar_example_gen.component import ColumnarExampleGen

BUCKETS = {"train": 7, "valid": 1, "eval": 2}
SIDES = ("stock", "ours")
HEADER = ("", "stock s", "ours s", "ratio", "spread", "stock / ours", "stock peak MiB", "ours peak MiB")


@dataclass(frozen=True)
class Side:
    """The cost of the process, the seconds of the component, and what it made: split -> (records, sum of hashes)."""

    cost: Cost
    seconds: float
    made: dict[str, tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--side", nargs=3, metavar=("SIDE", "CSV", "STATE"), help="one side, in this process")
    given = parser.parse_args()
    if given.side:
        _run(*given.side)
    else:
        table.show(HEADER, rows(given.rows, given.pairs))


def rows(count: int, pairs: int) -> Iterable[table.Row]:
    """A row for the component and one for the process, over `pairs` pairs."""
    with tempfile.TemporaryDirectory() as folder:
        csv = big_table.write(Path(folder, "csv", "trips.csv"), count)
        measured = [
            [_side(side, csv, Path(folder, f"{number}{side}")) for side in SIDES] for number in range(pairs)
        ]
    peaks = [f"{max(pair[side].cost.peak_mib for pair in measured):,.0f}" for side in (0, 1)]
    seconds = {
        "component": [(stock.seconds, ours.seconds) for stock, ours in measured],
        "process": [(stock.cost.seconds, ours.cost.seconds) for stock, ours in measured],
    }
    for name, both in seconds.items():
        stock_s, ours_s = (table.median(side) for side in zip(*both, strict=True))
        yield name, f"{stock_s:.1f}", f"{ours_s:.1f}", *table.ratio(both), f"{stock_s / ours_s:.1f}", *peaks


def _side(side: str, csv: Path, state: Path) -> Side:
    state.mkdir()
    arguments = [sys.executable, "-m", "benchmarks.example_gen", "--side", side, str(csv), str(state)]
    cost = command(arguments, state / "log")
    found = Side(cost, _seconds(state / "metadata.sqlite"), _made(state))
    if sum(count for count, _ in found.made.values()) == 0:
        raise RuntimeError(f"{side} made no examples")
    other = state.with_name(state.name.replace(side, SIDES[0]))
    if other != state and _made(other) != found.made:
        raise RuntimeError("stock and ours made different examples")
    return found


def _run(side: str, csv: str, state: str) -> None:
    output = tfx.proto.Output(
        split_config=tfx.proto.SplitConfig(
            splits=[tfx.proto.SplitConfig.Split(name=n, hash_buckets=b) for n, b in BUCKETS.items()]
        )
    )
    if side == "stock":
        component = tfx.components.CsvExampleGen(input_base=str(Path(csv).parent), output_config=output)
    else:
        base, pattern = inputs.locate(csv)
        config = tfx.proto.Input(splits=[tfx.proto.Input.Split(name="all", pattern=pattern)])
        component = ColumnarExampleGen(base, config, output, {})
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="example_gen",
            pipeline_root=str(Path(state, "root")),
            components=[component.with_id("ExampleGen")],
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(Path(state, "metadata.sqlite"))
            ),
            beam_pipeline_args=["--runner=FnApiRunner", "--direct_running_mode=in_memory"],
        )
    )


def _seconds(database: Path) -> float:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(database)
    (execution,) = metadata_store.MetadataStore(config).get_executions()
    return (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000


def _made(state: Path) -> dict[str, tuple[int, int]]:
    """Split -> (records, sum of the hashes of their bytes, with the features in a fixed order)."""
    found = {}
    for split in BUCKETS:
        files = [str(path) for path in state.glob(f"root/ExampleGen/examples/*/Split-{split}/*")]
        count = total = 0
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
            plain = tf.train.Example.FromString(record).SerializeToString(deterministic=True)
            count += 1
            total += int.from_bytes(hashlib.sha256(plain).digest(), "big")
        found[split] = count, total
    return found


if __name__ == "__main__":
    main()
