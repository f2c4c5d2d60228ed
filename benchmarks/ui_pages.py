"""How long the pages of `mlpipe ui` take with few runs and with thousands.

    python -m benchmarks.ui_pages [--home HOME] [--pipeline penguin] [--runs 100 5000]

HOME has a run of the pipeline, of which the runs are copies (`benchmarks.ui_store`); without one, the pipeline is run
first. A server is started for each number of runs; the first line is its first answer, before it has read all runs.
The figures are milliseconds over HTTP, medians of the repeated requests; the last column is the largest number of runs
against the smallest.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import measure, table, ui_store
from pipeline import metadata
from pipeline.home import Home

SIZES = (100, 5000)
TIMES = 9
_PAGE = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--pipeline", default="penguin")
    parser.add_argument("--runs", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Home(given.home) if given.home else _run(given.pipeline, Path(folder))
        columns = []
        for count in given.runs:
            home = Home(Path(folder, str(count)))
            ui_store.fill(source, home, given.pipeline, count)
            columns.append(_measured(home, given.pipeline, count))
    header = ("page", *(f"{count:,} runs, ms" for count in given.runs), "ratio")
    rows = [
        (name, *(f"{column[name]:.0f}" for column in columns), f"{columns[-1][name] / columns[0][name]:.1f}")
        for name in columns[0]
    ]
    table.show(header, rows)


def _run(pipeline: str, folder: Path) -> Home:
    home = Home(folder / "source")
    measure.command(measure.mlpipe("run", pipeline, "--home", str(home.root)), folder / "run.log")
    return home


def _measured(home: Home, pipeline: str, count: int) -> dict[str, float]:
    """Page -> milliseconds."""
    runs = f"/pipelines/{pipeline}"
    store = metadata.open_store(home)
    contexts = metadata.run_contexts(store, pipeline)
    model = next(a for a in metadata.artifacts_of(store, contexts[-1]) if a.type == "Model")
    del store
    pages = {
        "pipelines": "/",
        "runs": runs,
        "runs, the last page": f"{runs}?page={-(-count // _PAGE)}",
        "runs, filtered by state and text": f"{runs}?state=gate_failed&text=tabular",
        "runs, filtered by push and day": f"{runs}?pushed=yes&since=2026-11-22",
        "metrics of the last 200": f"{runs}/metrics",
        "models": f"{runs}/models",
        "compare the last two": f"{runs}/compare",
        "a model's lineage": f"/artifacts/{model.id}",
        "a run's report, made before": f"{runs}/runs/{contexts[-1].name}",
    }
    with _server(home) as port:
        found = {"pipelines, first answer of the server": _get(port, "/")}
        found["all runs read, filtered by state"] = _get(port, f"{runs}?state=failed")
        report = _get(port, pages["a run's report, made before"])
        for name, path in pages.items():
            _get(port, path)
            found[name] = statistics.median(_get(port, path) for _ in range(TIMES))
        found["a run's report, made"] = report
    return found


@contextmanager
def _server(home: Home) -> Iterator[int]:
    command = [sys.executable, "-m", "pipeline.cli", "ui", "--port", "0", "--home", str(home.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=measure.REPOSITORY)
    try:
        assert process.stdout is not None
        found = re.search(r"localhost:(\d+)", process.stdout.readline())
        if found is None:
            raise SystemExit("mlpipe ui has not started")
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def _get(port: int, path: str) -> float:
    """Milliseconds for one answer in full."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
