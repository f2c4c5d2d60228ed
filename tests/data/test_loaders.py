"""What the loaders write."""

from __future__ import annotations

import hashlib
import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import BadInput
from data import files, linear, meats, planar, taxi

LOADERS = ("data.taxi", "data.linear", "data.planar", "data.meats")
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("module", LOADERS)
def test_same_bytes_every_time_and_nothing_else_in_the_folder(module: str, tmp_path: Path) -> None:
    load = importlib.import_module(module).write_csv
    first, second = load(tmp_path / "1" / "deep"), load(tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()
    assert list(first.parent.iterdir()) == [first]
    assert load(first.parent) == first, "a file that is there already is written again"


def test_taxi_has_the_label_and_not_what_it_was_made_of(tmp_path: Path) -> None:
    table = pd.read_csv(taxi.write_csv(tmp_path))
    assert table.shape == (15002, 18)
    assert taxi.LEAKING not in table.columns
    assert table[taxi.LABEL].value_counts().to_dict() == {0: 11628, 1: 3374}
    original = pd.read_csv(
        Path(importlib.util.find_spec("tfx").submodule_search_locations[0])
        / "examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv"
    )
    pd.testing.assert_frame_equal(table, original.drop(columns=taxi.LEAKING))
    assert ((original.tips > 0.2 * original.fare) == (table[taxi.LABEL] == 1)).all()


def test_linear_is_a_line_with_the_given_noise(tmp_path: Path) -> None:
    table = pd.read_csv(linear.write_csv(tmp_path))
    assert list(table.columns) == ["x1", "x2", "y"]
    assert len(table) == 1000
    rest = table.y - (linear.WEIGHTS[0] * table.x1 + linear.WEIGHTS[1] * table.x2 + linear.BIAS)
    assert 0.009 < rest.std() < 0.011
    design = np.column_stack([table.x1, table.x2, np.ones(len(table))])
    fitted = np.linalg.lstsq(design, table.y, rcond=None)[0]
    assert np.abs(fitted - [2.0, -3.4, 4.2]).max() < 0.002
    assert not table.equals(pd.read_csv(linear.write_csv(tmp_path, seed=1)))


def test_planar_is_a_flower_that_no_line_divides(tmp_path: Path) -> None:
    table = pd.read_csv(planar.write_csv(tmp_path, rows=2001))
    assert Counter(table.color) == {"red": 1000, "blue": 1001}
    assert np.hypot(table.x1, table.x2).max() < 5.0
    first_rows = Counter(table.color[:200])
    assert min(first_rows.values()) > 60, "the colours are mixed in the file"
    points = np.column_stack([table.x1, table.x2, np.ones(len(table))])
    wanted = np.where(table.color == "blue", 1.0, -1.0)
    line = np.linalg.lstsq(points, wanted, rcond=None)[0]
    assert ((points @ line > 0) == (wanted > 0)).mean() < 0.6


def test_meats_has_its_three_labels_and_100_inputs(tmp_path: Path) -> None:
    table = pd.read_csv(meats.write_csv(tmp_path))
    assert list(table.columns) == [f"x_{i:03d}" for i in range(1, 101)] + list(meats.LABELS)
    assert len(table) == 215
    assert table.isna().sum().sum() == 0
    assert table.iloc[0][list(meats.LABELS)].tolist() == [60.5, 22.5, 16.7]


def test_penguins_are_the_committed_file() -> None:
    path = REPOSITORY / "data" / "penguins" / "penguins.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest in (path.parent / "README.md").read_text()
    table = pd.read_csv(path)
    assert table.species.value_counts().to_dict() == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}


def test_missing_package_is_told_with_its_command() -> None:
    with pytest.raises(BadInput) as caught:
        files.package_file("no_such_package", "x.csv", "0" * 64, install="pip install no-such-package")
    assert str(caught.value) == (
        "package no_such_package is not installed; install it with: pip install no-such-package"
    )


def test_another_version_of_a_package_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(taxi, "SHA256", "0" * 64)
    with pytest.raises(
        BadInput, match=r"data\.csv: its sha256 is 2eae00c2464c\.\.\., .*: pip install tfx==1\.21\.0$"
    ):
        taxi.write_csv(tmp_path)
    with pytest.raises(BadInput, match=r"nothing\.csv: not in the installed package"):
        files.package_file("tfx", "nothing.csv", "", install="pip install tfx==1.21.0")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = files.write_rows(tmp_path, "x.csv", ["a"], [[1]])
    with pytest.raises(ZeroDivisionError):
        files.write_rows(tmp_path, "x.csv", ["a"], ([1 // n] for n in (1, 0)))
    assert path.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [path]
