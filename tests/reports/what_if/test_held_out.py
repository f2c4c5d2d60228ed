"""Filters, order and values of the held-out examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from common.errors import BadInput
from reports.run_facts import Missing
from reports.what_if import slices
from reports.what_if.held_out import HeldOut, read
from tests.reports.what_if import birds

ROWS = birds.rows()
Test = Callable[[dict[str, Any]], bool]


def places(test: Test) -> list[int]:
    return [place for place, row in enumerate(ROWS) if test(row)]


@pytest.mark.parametrize(
    ("column", "wanted", "test"),
    [
        ("island", "dream", lambda row: row["island"] == "Dream"),
        ("island", "missing", lambda row: row["island"] is None),
        ("bill", "missing", lambda row: row["bill"] is None),
        ("bill", "> 48", lambda row: row["bill"] is not None and row["bill"] > 48),
        ("bill", "40..45", lambda row: row["bill"] is not None and 40 <= row["bill"] <= 45),
        ("mass", "<3500", lambda row: row["mass"] < 3500),
        ("mass", str(ROWS[0]["mass"]), lambda row: row["mass"] == ROWS[0]["mass"]),
    ],
)
def test_a_filter_keeps_what_fits(held_out: HeldOut, column: str, wanted: str, test: Test) -> None:
    found = held_out.chosen(column=column, wanted=wanted, sort="id", descending=False)
    assert found.tolist() == places(test) != []


def test_a_decimal_number_is_found_as_it_is_written(held_out: HeldOut) -> None:
    row = next(row for row in ROWS if row["bill"] is not None)
    found = held_out.chosen(column="bill", wanted=f"{row['bill']:.1f}", sort="id", descending=False)
    assert found[0] == ROWS.index(row)


def test_search_looks_into_all_texts(held_out: HeldOut) -> None:
    found = held_out.chosen(search="ONERROR", sort="id", descending=False)
    assert found.tolist() == places(lambda row: row["island"] == birds.EVIL)
    assert held_out.chosen(search="(no").tolist() == []


def test_the_largest_error_comes_first_and_what_has_no_value_last(held_out: HeldOut) -> None:
    loss = held_out.numbers("loss")
    assert held_out.chosen()[0] == int(np.argmax(loss))
    by_bill = held_out.chosen(sort="bill")
    assert [ROWS[place]["bill"] for place in by_bill[-4:]] == [None] * 4


@pytest.mark.parametrize(
    ("column", "wanted"), [("bill", "long"), ("bill", ">"), ("bill", "1..x"), ("nothing", "1")]
)
def test_a_filter_that_does_not_fit_is_one_line(held_out: HeldOut, column: str, wanted: str) -> None:
    with pytest.raises(BadInput, match=column):
        held_out.chosen(column=column, wanted=wanted)


def test_scores_and_labels_are_those_of_the_file(held_out: HeldOut) -> None:
    assert held_out.scores[:, 0] == pytest.approx([birds.probability(row) for row in ROWS], abs=1e-6)
    assert held_out.truth.tolist() == birds.labels()
    assert held_out.outputs == ("yes",)
    assert held_out.feature_values([3])[0] == ROWS[3]
    with pytest.raises(BadInput, match="no example 999"):
        held_out.place(999)


def test_examples_are_found_across_row_groups(held_out: HeldOut) -> None:
    wanted = [119, 0, 49, 50]
    assert held_out.serialized(wanted) == [birds.serialized(ROWS[place]) for place in wanted]
    assert held_out.parsed(51)["mass"] == [ROWS[51]["mass"]]


def test_a_text_that_was_cut_off_comes_in_full_from_its_example(tmp_path: Path) -> None:
    text = "word " * 600
    birds.write_predictions(
        tmp_path,
        "binary",
        ["label"],
        ["no", "yes"],
        example=pa.array([birds.serialized({"text": text})], pa.binary()),
        raw_text=[text[:2000]],
        label_label=[1],
        score_label=[0.9],
        loss=[0.1],
    )
    assert read(tmp_path).feature_values([0]) == [{"text": text}]


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"no predictions\.parquet"):
        read(tmp_path)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(Missing, match="damaged"):
        read(tmp_path)


def test_slices_are_values_thirds_and_those_without_a_value(held_out: HeldOut) -> None:
    islands = slices.slices(held_out, "island")
    assert {name: int(rows.sum()) for name, rows in islands.items()} == {
        **{island: len(places(lambda row, i=island: row["island"] == i)) for island in birds.ISLANDS},
        "missing": 3,
    }
    bills = slices.slices(held_out, "bill")
    assert len(bills) == 4
    sizes = {name: int(rows.sum()) for name, rows in bills.items()}
    assert sum(sizes.values()) == len(ROWS)
    assert sizes.pop("missing") == 4
    assert max(sizes.values()) - min(sizes.values()) <= 4
    assert slices.columns(held_out) == ["bill", "island", "mass"]
