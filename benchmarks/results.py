"""Runs every pipeline of the catalog at full size and rewrites docs/results.md: `make results`."""

from __future__ import annotations

import datetime
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import baselines
from benchmarks.measure import REPOSITORY, command, mlpipe
from pipeline import config as catalog
from pipeline import fingerprint
from pipeline.home import Home
from pipeline.sections import Config

PAGE = REPOSITORY / "docs" / "results.md"
HEADER = """# Results

Every pipeline of the catalog at full size, measured on the split `eval`, which neither training nor the choice of the
epoch has seen. Rewritten by `make results`; the same seed, data and versions give the same figures. The baseline is a
logistic regression (classification) or a ridge regression (regression) of scikit-learn on the same columns and the same
splits, its regularisation chosen on `valid`. Seconds and memory are those of the whole command in a new process.

| pipeline | examples train / valid / eval | held-out metric | bound | baseline | seed | steps | parameters | s | MiB |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Prints each row as it is measured; the page is written when all pipelines are blessed."""
    rows = []
    for name in catalog.names():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_row(catalog.load(name), Home(Path(folder, "home")), Path(folder, "log")))
        print(rows[-1], flush=True)
    versions = ", ".join(f"{package} {version}" for package, version in fingerprint.versions().items())
    made = f"Made on {datetime.date.today()} with Python {platform.python_version()}, {versions}."
    PAGE.write_text(HEADER + "\n".join(rows) + f"\n\n{made}\n")


def _row(config: Config, home: Home, log: Path) -> str:
    cost = command(mlpipe("run", config.name, "--home", str(home.root)), log)
    root = home.pipeline_root(config.name)
    verdict = _json(root / "Evaluator" / "evaluation", "verdict.json")
    curves = _json(root / "Trainer" / "model_run", "learning_curves.json")
    gated = [row for row in verdict["metrics"] if row["slice"] == "overall" and row["ok"] is not None]
    held_out = next(row["examples"] for row in gated)
    cells = [
        f"`{config.name}`",
        f"{curves['train_examples']:,} / {curves['valid_examples']:,} / {held_out:,}",
        "<br>".join(f"{_metric(row)} {row['value']:.4f}" for row in gated),
        "<br>".join(_bound(row) for row in gated),
        "<br>".join(f"{name} {value:.4f}" for name, value in baselines.held_out(config, home).items()),
        str(curves["seed"]),
        f"{curves['steps']:,}",
        f"{curves['parameters']:,}",
        f"{cost.seconds:.0f}",
        f"{cost.peak_mib:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _json(folder: Path, name: str) -> dict[str, Any]:
    (file,) = folder.glob(f"*/{name}")
    return json.loads(file.read_text())


def _metric(row: dict[str, Any]) -> str:
    return f"{row['output']} {row['metric']}".strip()


def _bound(row: dict[str, Any]) -> str:
    return f">= {row['lower']:g}" if row["lower"] is not None else f"<= {row['upper']:g}"


if __name__ == "__main__":
    main()
