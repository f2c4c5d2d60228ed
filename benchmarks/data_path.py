"""From a CSV file to transformed examples: stock TFX's five components and ours, side by side.

    python -m benchmarks.data_path [--rows N] [--pairs N]

The taxi pipeline up to Transform on the same file of drawn rows (`benchmarks.big_table`), each side in a new process and
a new state folder. Seconds of a component are those between its records in ML Metadata; `process` is all of the command
with its imports. The statistics of both sides are compared: a difference ends the benchmark.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2

from benchmarks import big_table, table
from benchmarks.measure import Cost, command, mlpipe
from benchmarks.stock_vs_ours import STOCK

COMPONENTS = ("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform")
TOTAL, PROCESS = "all five", "process"
HEADER = ("component", "stock s", "ours s", "ratio", "spread", "stock / ours")


@dataclass(frozen=True)
class Side:
    """The cost of the process, and the seconds of each component."""

    cost: Cost
    seconds: Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=1)
    given = parser.parse_args()
    table.show(HEADER, rows(given.rows, given.pairs))


def rows(count: int, pairs: int) -> Iterable[table.Row]:
    """A row for each component, for all of them and for the process, over `pairs` pairs."""
    with tempfile.TemporaryDirectory() as folder:
        csv = big_table.write(Path(folder, "csv", "trips.csv"), count)
        measured = [_pair(csv, Path(folder, f"pair{number}")) for number in range(pairs)]
    for name in (*COMPONENTS, TOTAL, PROCESS):
        both = [(stock.seconds[name], ours.seconds[name]) for stock, ours in measured]
        stock_s, ours_s = (table.median(side) for side in zip(*both, strict=True))
        yield (name, f"{stock_s:.1f}", f"{ours_s:.1f}", *table.ratio(both), f"{stock_s / ours_s:.1f}")
    peaks = [max(sides[side].cost.peak_mib for sides in measured) for side in (0, 1)]
    yield "peak MiB", *(f"{peak:,.0f}" for peak in peaks), *table.ratio([(peaks[0], peaks[1])]), ""


def ours(csv: Path, state: Path, until: str = "Transform") -> Side:
    """Our components up to one of them on a file, in a new process."""
    home = state / "ours"
    data = ("--set", f"data.path={csv}", "--set", "data.drop=[]", "--until", until)
    cost = command(mlpipe("run", "taxi", "--home", str(home), *data), state / "log")
    return Side(cost, _seconds(home / "metadata.sqlite", cost))


def _pair(csv: Path, state: Path) -> tuple[Side, Side]:
    state.mkdir()
    arguments = [sys.executable, STOCK, "taxi", str(csv.parent), str(state / "stock"), "--until-transform"]
    cost = command(arguments, state / "log")
    sides = Side(cost, _seconds(state / "stock" / "metadata.sqlite", cost)), ours(csv, state)
    _compare(state / "stock" / "root", state / "ours" / "pipelines" / "taxi")
    return sides


def _seconds(database: Path, cost: Cost) -> dict[str, float]:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(database)
    store = metadata_store.MetadataStore(config)
    seconds = dict.fromkeys(COMPONENTS, 0.0)
    for context in store.get_contexts_by_type("node"):
        node = context.name.partition(".")[2].replace("CsvExampleGen", "ExampleGen")
        for execution in store.get_executions_by_context(context.id):
            lasted = execution.last_update_time_since_epoch - execution.create_time_since_epoch
            seconds[node] = lasted / 1000
    return {**seconds, TOTAL: sum(seconds.values()), PROCESS: cost.seconds}


def _compare(stock: Path, ours: Path) -> None:
    for split in ("train", "eval"):
        both = [_statistics(root, split) for root in (stock, ours)]
        for (name, left), right in zip(both[0].items(), both[1].values(), strict=True):
            if any(abs(a - b) > 1e-6 * max(1.0, abs(a)) for a, b in zip(left, right, strict=True)):
                raise RuntimeError(f"{split}: {name}: stock has {left}, ours {right}")


def _statistics(root: Path, split: str) -> dict[str, list[float]]:
    """Of every column: values, missing ones, mean, deviation, zeros, least and greatest; distinct texts."""
    (file,) = root.glob(f"StatisticsGen/statistics/*/Split-{split}/FeatureStats.pb")
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
    found = {}
    for feature in sorted(dataset.features, key=lambda feature: list(feature.path.step)):
        kind = feature.WhichOneof("stats")
        common = getattr(feature, kind).common_stats
        figures = [float(common.num_non_missing), float(common.num_missing)]
        if kind == "num_stats":
            numbers = feature.num_stats
            figures += [numbers.mean, numbers.std_dev, float(numbers.num_zeros), numbers.min, numbers.max]
        else:
            figures.append(float(feature.string_stats.unique))
        found[feature.path.step[0]] = figures
    return found


if __name__ == "__main__":
    main()
