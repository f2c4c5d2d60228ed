"""Runs pipelines of the catalog at full size and rewrites their rows in docs/results.md: `make results`."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import platform
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import baselines, text_baselines
from benchmarks.measure import REPOSITORY, command, mlpipe
from components.model_optimizer import report as edge_report
from pipeline import config as catalog
from pipeline import fingerprint
from pipeline.home import Home
from pipeline.sections import Config

PAGE = REPOSITORY / "docs" / "results.md"
INTRODUCTION = """# Results

Every pipeline of the catalog at full size, measured on the split `eval`, which neither training nor the choice of the
epoch has seen. `make results` runs all and rewrites this page (`make results ONLY="penguin taxi"`: some, the rows of the
others stay); the same seed, data and versions give the same figures. Seconds and memory are those of the whole command
`mlpipe run` in a new process on two cores, with nothing cached.
"""
PIPELINES = """
## Pipelines

The baseline of a table is a logistic regression (classification) or a ridge regression (regression) of scikit-learn on
the same columns and the same splits, its regularisation chosen on `valid`. For images it is the pipeline `fashion_softmax`
or `transfer_scratch`. For texts: a logistic regression on TF-IDF weights of words and pairs of words (classes), the tag
that a word had most often (tags), a 5-gram model of characters (language), a dictionary learnt by IBM Model 1 that
translates word for word (translation); for word vectors, the unigram model among the metrics.

| pipeline | examples train / valid / eval | held-out metric | bound | baseline | seed | epochs | steps | parameters | s | MiB | made |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
EDGE = """
## TensorFlow Lite forms

Of the pushed model, on the same split; latency of one example on one thread.

| form | bytes | of float32 | metric | lost | p50 |
| --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Prints each row as it is measured, and writes the page after each: a pipeline that fails keeps the others' rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pipelines of the catalog; default: all")
    parser.add_argument(
        "--keep", type=Path, help="folder in which the homes of the runs stay; default: they are removed"
    )
    arguments = parser.parse_args()
    for config in [catalog.load(name) for name in arguments.names or catalog.names()]:
        with _folder(config.name, arguments.keep) as folder:
            home = Home(Path(folder, "home"))
            cost = command(mlpipe("run", config.name, "--home", str(home.root)), Path(folder, "log"))
            pipeline = _pipeline(config, home, [f"{cost.seconds:.0f}", f"{cost.peak_mib:,.0f}"])
            edge = _edge(config, home) if config.optimizer else []
        for row in (pipeline, *edge):
            print(row, flush=True)
        _write([pipeline, *edge])


@contextlib.contextmanager
def _folder(name: str, keep: Path | None) -> Iterator[str]:
    if keep:
        folder = keep / name
        folder.mkdir(parents=True)
        yield str(folder)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            yield temporary


def _pipeline(config: Config, home: Home, cost: list[str]) -> str:
    root = home.pipeline_root(config.name)
    verdict = _json(root / "Evaluator" / "evaluation", "verdict.json")
    curves = _json(root / "Trainer" / "model_run", "learning_curves.json")
    gated = [row for row in verdict["metrics"] if row["slice"] == "overall" and row["ok"] is not None]
    held_out = next(row["examples"] for row in gated)
    baseline = _baseline(config, home)
    return _row(
        f"`{config.name}`",
        f"{curves['train_examples']:,} / {curves['valid_examples']:,} / {held_out:,}",
        "<br>".join(f"{_metric(row)} {row['value']:.4f}" for row in gated),
        "<br>".join(_bound(row) for row in gated),
        "<br>".join(f"{name} {value:.4f}" for name, value in baseline.items()),
        str(curves["seed"]),
        f"{len(curves['epoch']):,}",
        f"{curves['steps']:,}",
        f"{curves['parameters']:,}",
        *cost,
        str(datetime.date.today()),
    )


def _baseline(config: Config, home: Home) -> dict[str, float]:
    if config.data.images:
        return {}
    return (text_baselines if config.data.text else baselines).held_out(config, home)


def _edge(config: Config, home: Home) -> list[str]:
    (folder,) = (home.pipeline_root(config.name) / "ModelOptimizer" / "edge_model").iterdir()
    report = edge_report.read(folder)
    float32 = report["forms"].get("float32", report["original"])["bytes"]
    rows = []
    for form, found in report["forms"].items():
        (value,) = found["values"].values()
        rows.append(
            _row(
                f"`{config.name}` {form}",
                f"{found['bytes']:,}",
                f"{found['bytes'] / float32:.1%}",
                f"{report['metric']} {value:.4f}",
                f"{found['loss']:.4f}",
                f"{found['latency_ms']['p50']:.2f} ms",
            )
        )
    return rows


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _write(new: Iterable[str]) -> None:
    """Writes the page with these rows in the place of those with the same first cell; sorted by it."""
    known = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    rows = {_first_cell(row): row for row in [*known, *new]}
    of_pipelines = [row for key, row in sorted(rows.items()) if key.endswith("`")]
    of_forms = [row for key, row in sorted(rows.items()) if not key.endswith("`")]
    versions = ", ".join(f"{package} {version}" for package, version in fingerprint.versions().items())
    footer = f"Python {platform.python_version()}, {versions}."
    PAGE.write_text(
        f"{INTRODUCTION}{PIPELINES}{_lines(of_pipelines)}{EDGE}{_lines(of_forms)}\n## Versions\n\n{footer}\n"
    )


def _first_cell(row: str) -> str:
    return row.split("|")[1].strip()


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _json(folder: Path, name: str) -> dict[str, Any]:
    (file,) = folder.glob(f"*/{name}")
    return json.loads(file.read_text())


def _metric(row: dict[str, Any]) -> str:
    return f"{row['output']} {row['metric']}".strip()


def _bound(row: dict[str, Any]) -> str:
    return f">= {row['lower']:g}" if row["lower"] is not None else f"<= {row['upper']:g}"


if __name__ == "__main__":
    main()
