"""Pushed models on data that they never saw: taxi trips as they are, moved, and broken; and the loop over spans of them."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data import taxi
from pipeline import companions, lineage_report, lock, metadata, pushes, runs
from pipeline.home import Home
from pipeline.loop import decisions
from pipeline.unseen import judgement
from pipeline.unseen.judgement import Judgement
from reports import words
from tests.end_to_end.project import REPOSITORY, Result, mlpipe

pytestmark = pytest.mark.slow

COLUMNS = ["fare", "trip_miles", "trip_seconds", "payment_type", "trip_start_hour", "big_tipper"]
TRIPS = """\
name: trips
task: binary
label: big_tipper
data: {path: "span-{SPAN}.csv"}
trainer:
  module: trainer_modules.tabular
  features: {bucketed: {fare: 10}}
  training: {learning_rate: 0.05, epochs: 5, batch_size: 128}
evaluation:
  metrics: [accuracy]
  gates: [{metric: auc, lower: 0.85, max_drop: 0.05}]
  slices: [payment_type]
  min_slice_examples: 30
serving_check: {enabled: false}
loop:
  retrain: {when_metric_falls: {metric: auc, by: 0.02}}
  settle_seconds: 0
  poll_seconds: 1
"""
Row = dict[str, str]


@dataclass(frozen=True)
class Trips:
    """A folder with trips.yaml, its home, and files of trips."""

    folder: Path

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def store(self) -> metadata.Store:
        return metadata.open_store(self.home)

    def evaluate(self, *options: str) -> Result:
        return mlpipe("evaluate", "trips.yaml", *options, "--home", str(self.home.root))

    def last(self) -> tuple[runs.Run, Judgement]:
        """The latest evaluation, and what it recorded."""
        run = runs.get_run(self.store, "trips", "evaluation")
        context = metadata.run_context(self.store, run.id)
        return run, judgement.load(runs.text(context, "mlpipe_judgement"))


def moved(row: Row) -> Row:
    """Dearer, and paid the other way."""
    other = {"Cash": "Credit Card", "Credit Card": "Cash"}
    paid = other.get(row["payment_type"], row["payment_type"])
    return {**row, "fare": f"{float(row['fare']) * 3:.2f}", "payment_type": paid}


def write(name: str, rows: list[Row], columns: list[str] = COLUMNS) -> None:
    with Path(name).open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trips]:
    """A model of 2,000 trips, and later ones: as they are, and moved."""
    folder = tmp_path_factory.mktemp("trips")
    with taxi.write_csv(folder / "raw").open() as file:
        rows = list(csv.DictReader(file))[:3000]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("trips.yaml").write_text(TRIPS)
        write("span-1.csv", rows[:2000])
        write("later.csv", rows[2000:])
        write("moved.csv", [moved(row) for row in rows[2000:]])
        result = mlpipe("run", "trips.yaml", "--home", "home")
        assert result.code == 0, result.err
        yield Trips(folder)


def overall(found: Judgement, metric: str) -> dict[str, Any]:
    (row,) = [row for row in found.metrics if row["metric"] == metric]
    return row


def test_trips_of_the_next_days_pass(trips: Trips) -> None:
    result = trips.evaluate("--data", "later.csv")
    assert result.code == 0, result.err
    assert "anomalies  none" in result.out
    assert "drift      0 of 6 columns" in result.out
    assert "verdict    all bounds hold" in result.out
    run, found = trips.last()
    assert (run.state, run.kind, run.about) == ("succeeded", "evaluation", "version 1 on later.csv")
    report = trips.home.report("trips-evaluations", run.id)
    assert result.out.splitlines()[-1] == f"report     {report.relative_to(trips.folder)}"
    assert "All bounds hold on the new data." in report.read_text()
    assert found.examples == 1000
    auc = overall(found, "auc")
    assert auc["ok"]
    assert auc["value"] == pytest.approx(0.95, abs=0.02)
    assert auc["baseline"] == pytest.approx(0.94, abs=0.02)


def test_moved_trips_drift_and_the_metric_falls(trips: Trips) -> None:
    result = trips.evaluate("--data", "moved.csv", "--model", "1")
    assert result.code == 3
    assert len(result.err.splitlines()) == 1
    assert re.match(
        r"mlpipe: verdict against version 1 on moved\.csv: auc 0\.\d+ on overall"
        r" \(at least 0\.85, its own evaluation 0\.9\d+, at most 0\.05 worse\)",
        result.err,
    )
    run, found = trips.last()
    assert run.state == "gate_failed"
    report = trips.home.report("trips-evaluations", run.id).read_text()
    assert "The verdict is against it." in report
    assert words.number(overall(found, "auc")["value"]) in report
    assert "2 of 6 columns drifted" in report
    assert found.drifted == ["fare", "payment_type"]
    by_column = {row["column"]: row for row in found.drift}
    assert by_column["fare"]["moved"] == pytest.approx(0.43, abs=0.03)
    # Shares of 0.65 and 0.34 that changed places.
    assert by_column["payment_type"]["divergence"] == pytest.approx(0.063, abs=0.01)
    assert by_column["fare"]["bound"] is None
    auc = overall(found, "auc")
    assert (auc["lower"], auc["change"], auc["ok"]) == (0.85, -0.05, False)
    assert auc["value"] < 0.2
    assert re.search(
        r"overall +auc +0\.\d{4} +>= 0\.85, at most 0\.05 worse +0\.9\d+ +1,000 +FAILED", result.out
    )
    assert re.search(r"fare +0\.\d{4} +0\.4\d+ +0\.00\d+ +DRIFTED", result.out)

    # A bound on drift is one of the gate's, and its measure decides.
    strict = trips.evaluate("--data", "moved.csv", "--set", "schema.drift={fare: 0.2}")
    assert strict.code == 3
    assert "data: eval: fare: High approximate Jensen-Shannon divergence" in strict.err


def test_an_evaluation_is_no_training(trips: Trips) -> None:
    """After the evaluations of the tests before."""
    store = trips.store
    assert [run.kind for run in runs.list_runs(store, "trips")] == ["training"]
    assert [run.kind for run in runs.list_runs(store, "trips", evaluations=True)][:2] == [
        "training",
        "evaluation",
    ]
    assert runs.get_run(store, "trips", "last").kind == "training"
    assert metadata.pipelines(store) == ["trips"]
    assert list(pushes.pushed_models(store, "trips")) == [1]
    assert len(store.get_artifacts_by_type("ModelBlessing")) == 1
    assert mlpipe("run", "trips.yaml", "--home", "home").out.startswith("trips is up to date")

    listed = mlpipe("runs", "trips", "--home", "home").out
    assert re.search(r"gate failed .* verdict against version 1 on moved\.csv", listed)
    shown = mlpipe("status", "trips", "--run", "evaluation", "--home", "home").out
    assert "evaluation of version 1 on moved.csv" in shown
    assert "Trainer" not in shown
    assert "on unseen later.csv: the bounds hold" in mlpipe("lineage", "trips", "--home", "home").out

    # There and back again.
    model = lineage_report.find(store, "trips", None, None)
    unseen = [e for e in lineage_report.upstream(store, model)["evaluations"] if e["unseen"]]
    assert {e["unseen"]["files"][0]["file"] for e in unseen} == {"later.csv", "moved.csv"}
    back = lineage_report.upstream(store, unseen[0]["id"])
    assert {file["file"] for one in back["data"] for file in one["files"]} == {"span-1.csv", "later.csv"}
    assert model in {artifact["id"] for artifact in back["artifacts"]}


def test_what_the_model_was_trained_on_is_warned_of(trips: Trips) -> None:
    Path("copy.csv").write_bytes(Path("span-1.csv").read_bytes())
    result = trips.evaluate("--data", "copy.csv")
    assert result.code == 0, result.err
    assert (
        "warning: version 1 was trained on this very data (copy.csv): the figures say nothing" in result.out
    )


def _lines(change: Callable[[list[str]], list[str]]) -> str:
    return "\n".join(change(Path("later.csv").read_text().splitlines())) + "\n"


def _without(column: str) -> Callable[[list[str]], list[str]]:
    place = COLUMNS.index(column)

    def change(lines: list[str]) -> list[str]:
        return [",".join(c for i, c in enumerate(line.split(",")) if i != place) for line in lines]

    return change


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, (), r"bad\.csv: no such file or folder; nearest in"),
        (_without("fare"), (), r"bad\.csv: no column 'fare', which the model was trained with"),
        (_without("big_tipper"), (), r"bad\.csv: no column 'big_tipper', the label: metrics need it"),
        (lambda lines: lines[:1], (), r"bad\.csv: .*no row|bad\.csv: .*header"),
        (lambda lines: [], (), r"bad\.csv: .*empty"),
        (
            lambda lines: [lines[0], lines[1].replace(lines[1].split(",")[0], "dear", 1), *lines[2:]],
            (),
            r"bad\.csv:2: column fare \(declared float\): 'dear' is not a number",
        ),
        (lambda lines: lines, ("--model", "7"), r"trips has pushed no version 7; pushed: 1"),
        (lambda lines: lines, ("--artifact", "1"), r"--artifact 1: is Examples, no Model"),
        (lambda lines: lines, ("--span", "1"), r"give --data .* or --span, and not both"),
    ],
    ids=["file", "column", "label", "no rows", "empty", "type", "version", "artifact", "both"],
)
def test_bad_input_has_its_one_line(
    trips: Trips, content: Any, options: tuple[str, ...], message: str
) -> None:
    Path("bad.csv").unlink(missing_ok=True)
    if content is not None:
        Path("bad.csv").write_text(_lines(content).removeprefix("\n"))
    result = trips.evaluate("--data", "bad.csv", *options)
    assert result.code == 2, result.out + result.err
    assert len(result.err.splitlines()) == 1
    assert re.search(message, result.err)


def test_without_a_model_there_is_nothing_to_evaluate(trips: Trips, tmp_path: Path) -> None:
    result = mlpipe("evaluate", "trips.yaml", "--data", "later.csv", "--home", str(tmp_path / "new"))
    assert (result.code, result.err) == (2, "mlpipe: trips has pushed no model yet: first mlpipe run trips\n")


def _loop(trips: Trips, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline.cli", "loop", "trips.yaml", *options, "--home", "home"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        command,
        cwd=trips.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until(loop: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not happened():
        assert time.monotonic() < deadline
        assert loop.poll() is None, loop.communicate()
        time.sleep(0.2)


def _line(loop: subprocess.Popen[str]) -> str:
    """The next line that it tells, without the time."""
    assert loop.stdout is not None
    return loop.stdout.readline().rstrip("\n").partition(" ")[2]


def test_the_loop_over_a_good_a_drifted_and_a_broken_span_ended_in_the_middle_of_each_work(
    trips: Trips,
) -> None:
    with Path("later.csv").open() as file:
        rows = list(csv.DictReader(file))
    store, evaluations = trips.store, companions.evaluations_of("trips")
    before = len(metadata.run_contexts(store, evaluations))

    # By SIGTERM while it evaluates: nothing of it goes on, and all is recorded.
    loop = _loop(trips)
    assert _line(loop).startswith("trips: waits for new spans")
    write("span-2.csv", rows)
    write("span-3.csv", [moved(row) for row in rows])
    write("span-4.csv", [{**row, "fare": "dear"} for row in rows])
    _until(loop, lambda: len(metadata.run_contexts(store, evaluations)) > before)
    second = _loop(trips)
    assert second.communicate()[1] == (
        f"mlpipe: a loop of trips goes on already: process {loop.pid}; let it work, or end it\n"
    )
    assert second.returncode == 1
    loop.send_signal(signal.SIGTERM)
    told, error = loop.communicate(timeout=100)
    assert told.endswith(" trips: the loop has ended; what was begun goes on when it starts again\n")
    assert (error, loop.returncode) == ("mlpipe: ended by SIGTERM\n", 128 + signal.SIGTERM)
    assert decisions.all_of(store, "trips")["2"].state == "begun"
    assert lock.holder(trips.home, evaluations) is None

    # By SIGKILL while it trains: its training ends with it.
    loop = _loop(trips)
    _line(loop)
    assert re.match(
        r"span 2: 1,000 examples, auc 0\.9\d+ \(was 0\.9\d+\), nothing drifted: version 1 stays: ",
        _line(loop),
    )
    _until(loop, lambda: lock.holder(trips.home, "trips") is not None)
    loop.send_signal(signal.SIGKILL)
    loop.communicate()
    assert decisions.all_of(store, "trips")["3"].state == "decided"

    again = _loop(trips, "--once")
    told, _ = again.communicate(timeout=1200)
    assert again.returncode == 0
    drifted, broken = [line for line in told.splitlines() if " waits for run " not in line]
    assert re.search(
        r" span 3: 1,000 examples, auc 0\.0\d+ \(was 0\.9\d+\), out of bounds, fare, payment_type drifted: trained anew"
        r" \(auc went from 0\.9\d+ to 0\.0\d+, more than 0\.02 worse\): pushed version 2: auc 0\.9\d+"
        r" \(version 1 on the same examples 0\.\d+\)",
        drifted,
    )
    assert re.search(r" span 4: skipped: .*span-4\.csv:2: column fare .*'dear' is not a number", broken)

    assert list(pushes.pushed_models(store, "trips")) == [1, 2]
    assert [one.choice for one in decisions.all_of(store, "trips").values()] == ["keep", "retrain", "skip"]
    states = [runs.text(run, "mlpipe_state") for run in metadata.run_contexts(store, evaluations)[before:]]
    # That of the loop which was ended, and one for each span.
    assert states == ["interrupted", "succeeded", "gate_failed", "failed"]

    # By Ctrl-C while it waits: there is nothing more to do.
    nothing = _loop(trips)
    _line(nothing)
    nothing.send_signal(signal.SIGINT)
    told, error = nothing.communicate(timeout=100)
    assert (told.partition(" ")[2], error, nothing.returncode) == (
        "trips: the loop has ended; what was begun goes on when it starts again\n",
        "",
        0,
    )
