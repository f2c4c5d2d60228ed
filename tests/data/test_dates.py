"""Dates: each form says the date that the target says."""

from __future__ import annotations

import csv
import datetime
import itertools
from pathlib import Path

import pytest

from data import dates

DAY = datetime.date(2021, 3, 3)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{day} {month} {year}", "3 March 2021"),
        ("{dd}/{mm}/{yy}", "03/03/21"),
        ("{mon} {nth}, {year}", "Mar 3rd, 2021"),
        ("{weekday} the {nth} of {month} {year}", "Wednesday the 3rd of March 2021"),
        ("{wday}, {day} {mon} {year}", "Wed, 3 Mar 2021"),
        ("{year}{mm}{dd}", "20210303"),
    ],
)
def test_forms(form: str, text: str) -> None:
    assert form in dates.FORMATS
    assert dates.written(DAY, form) == text


@pytest.mark.parametrize(
    ("day", "text"),
    [(1, "1st"), (2, "2nd"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st"), (30, "30th")],
)
def test_ordinal_numbers(day: int, text: str) -> None:
    assert dates.written(DAY.replace(day=day), "the {nth} of {month} {year}") == f"the {text} of March 2021"


def test_one_text_has_one_meaning() -> None:
    meanings: dict[str, datetime.date] = {}
    days = (
        dates.FIRST + datetime.timedelta(days=n) for n in range(0, (dates.LAST - dates.FIRST).days + 1, 3)
    )
    for date, form in itertools.product(days, dates.FORMATS):
        text = dates.written(date, form)
        assert meanings.setdefault(text, date) == date, text


def test_pairs(tmp_path: Path) -> None:
    path = dates.write(tmp_path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["source"] for row in rows}) == 20_000
    for row in rows:
        date = datetime.date.fromisoformat(row["target"])
        forms = {dates.written(date, form).lower() for form in dates.FORMATS}
        assert row["source"].lower() in forms
    assert {row["target"][:4] for row in rows} == {str(year) for year in range(1950, 2050)}
    shouted = sum(row["source"].isupper() for row in rows) / len(rows)
    assert 0.1 < shouted < 0.3
    assert dates.write(tmp_path / "again").read_bytes() == path.read_bytes()
    assert dates.write(tmp_path / "other", seed=1).read_bytes() != path.read_bytes()
    assert len(dates.write(tmp_path / "few", rows=50).read_text().splitlines()) == 51
