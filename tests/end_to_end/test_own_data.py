"""Data that the catalog has never seen, without a line of code."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from pipeline import config
from tests.end_to_end.project import REPOSITORY, Project, mlpipe

pytestmark = pytest.mark.slow
MEASURES = {
    "bill_length_mm": "culmen_length_mm",
    "bill_depth_mm": "culmen_depth_mm",
    "flipper_length_mm": "flipper_length_mm",
    "body_mass_g": "body_mass_g",
}
SPECIES = ("Adelie", "Chinstrap", "Gentoo")


def test_penguins_as_tfx_writes_them(tmp_path: Path) -> None:
    """TFX's own CSV: species from 0 to 2, four measures scaled to 0 to 1, no island and no sex."""
    with (REPOSITORY / "data" / "penguins" / "penguins.csv").open() as file:
        birds = [bird for bird in csv.DictReader(file) if bird["body_mass_g"] not in ("", "NA")]
    measures = {name: [float(bird[name]) for bird in birds] for name in MEASURES}
    lines = [",".join(["species", *MEASURES.values()])]
    for i, bird in enumerate(birds):
        scaled = [(v[i] - min(v)) / (max(v) - min(v)) for v in measures.values()]
        lines.append(",".join([str(SPECIES.index(bird["species"])), *(f"{value:.6f}" for value in scaled)]))
    path = tmp_path / "penguins_processed.csv"
    path.write_text("\n".join(lines) + "\n")

    result = mlpipe("run", "penguin", "--set", f"data.path={path}", "--home", str(tmp_path / "home"))
    assert result.code == 0, result.err
    assert "slice island left out: the data has no column island" in result.out
    assert "verdict    blessed" in result.out
    assert (tmp_path / "home" / "serving" / "penguin" / "1" / "saved_model.pb").is_file()


def test_columns_of_any_name(fresh: Project) -> None:
    draw = random.Random(3)
    columns = ["class", "self", "größe", "高さ (cm)", "examples", "x.1/2", "_y", "is it?", "étiquette ?"]
    lines = [",".join(columns)]
    for _ in range(200):
        numbers = [draw.uniform(-1, 1) for _ in columns[:-2]]
        lines.append(
            ",".join(
                [*(f"{n:.3f}" for n in numbers), draw.choice("ab"), "ja" if sum(numbers[:2]) > 0 else "nein"]
            )
        )
    Path("rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.change("label: label", "label: 'étiquette ?'")
    fresh.change("slices: [color]", "slices: ['is it?']")
    fresh.change(
        "module: trainer_modules.tabular",
        "module: trainer_modules.tabular\n  features: {bucketed: {'高さ (cm)': 4}}",
    )
    result = fresh.run()
    assert result.code == 0, result.err
    assert {"is it?=a", "is it?=b"} < {row["slice"] for row in fresh.verdict()["metrics"]}


def test_outputs_of_any_name(fresh: Project) -> None:
    draw = random.Random(3)
    lines = ["x,y,Price (EUR),größe"]
    for _ in range(200):
        x, y = draw.uniform(-1, 1), draw.uniform(-1, 1)
        lines.append(f"{x:.4f},{y:.4f},{2 * x - y + 100:.4f},{x + y:.4f}")
    Path("rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.change("task: binary\nlabel: label", "task: regression\nlabel: ['Price (EUR)', größe]")
    fresh.change("{metric: accuracy, lower: 0.8, max_drop: 0.1}", "{metric: rmse, upper: 0.5, output: größe}")
    fresh.change("slices: [color]", "slices: []")
    fresh.change("epochs: 20", "epochs: 60")
    result = fresh.run()
    assert result.code == 0, result.err
    outputs = {row["output"] for row in fresh.verdict()["metrics"]}
    assert outputs == {"Price (EUR)", "größe"}


def test_a_table_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(7)
    lines = ["Price (EUR);class;Größe;is new?"]
    for _ in range(400):
        size, new = draw.uniform(20, 200), draw.choice(["yes", "no"])
        price = size * 3000 * (1.5 if new == "yes" else 1.0)
        lines.append(f"{price:.0f};{draw.choice('AB')};{size:.1f};{new}")
    Path("flats.csv").write_text("\n".join(lines) + "\n")
    made = mlpipe("new", "flats", "--csv", "flats.csv", "--label", "is new?", "--out", ".")
    assert made.code == 0, made.err
    assert config.load("flats.yaml").labels == ["is new?"]
    result = mlpipe("run", "flats.yaml", "--home", "home")
    assert result.code == 0, result.err
    assert "verdict    blessed" in result.out
