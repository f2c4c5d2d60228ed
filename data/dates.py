"""Dates as people write them, and the same in ISO 8601: "Wed, 3rd of March 2021" is 2021-03-03.

Generated. As in the exercise on attention of the "Sequence Models" course (https://www.deeplearning.ai); own code.
One text has one meaning: numbers alone stand as day, month, year ("03/04/21" is 3 April 2021) unless the year leads
("2021/04/03"), and a year of two digits lies between 1950 and 2049.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from pathlib import Path

from data import files

FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FORMATS = (
    "{day} {month} {year}",
    "{day} {mon} {year}",
    "{day} {mon}. {year}",
    "{day} {mon} {yy}",
    "{day}-{mon}-{year}",
    "{day}-{mon}-{yy}",
    "{nth} {month} {year}",
    "{nth} of {month}, {year}",
    "the {nth} of {month} {year}",
    "{month} {day}, {year}",
    "{month} {day} {year}",
    "{month} {nth}, {year}",
    "{mon} {nth}, {year}",
    "{mon} {day}, {year}",
    "{mon}. {day}, {year}",
    "{mon} {day} '{yy}",
    "{weekday}, {day} {month} {year}",
    "{weekday} {nth} {month} {year}",
    "{weekday}, {month} {day}, {year}",
    "{wday}, {day} {mon} {year}",
    "{wday} {mon} {day} {year}",
    "{weekday} the {nth} of {month} {year}",
    "{year} {month} {day}",
    "{year}, {mon} {day}",
    "{dd}/{mm}/{year}",
    "{dd}/{mm}/{yy}",
    "{day}/{number}/{year}",
    "{day}/{number}/{yy}",
    "{dd}.{mm}.{year}",
    "{day}.{number}.{yy}",
    "{dd}-{mm}-{year}",
    "{dd} {mm} {year}",
    "{year}-{mm}-{dd}",
    "{year}/{mm}/{dd}",
    "{year}.{mm}.{dd}",
    "{year}{mm}{dd}",
)
_CASES: tuple[Callable[[str], str], ...] = (str, str, str.lower, str.upper)


def write(folder: Path, rows: int = 20_000, seed: int = 0) -> Path:
    """Writes dates.csv: `rows` pairs of source and target, every source once.

    source: a day of 1950 to 2049 in one of 36 forms, written as there or in lower or upper case. target: YYYY-MM-DD.
    """
    drawn = random.Random(seed)
    days = (LAST - FIRST).days + 1
    pairs: dict[str, str] = {}
    while len(pairs) < rows:
        date = FIRST + datetime.timedelta(days=drawn.randrange(days))
        source = drawn.choice(_CASES)(written(date, drawn.choice(FORMATS)))
        pairs[source] = date.isoformat()
    return files.write_rows(folder, "dates.csv", ("source", "target"), pairs.items())


def written(date: datetime.date, form: str) -> str:
    """The date in one of FORMATS, in English whatever the locale."""
    month, weekday = MONTHS[date.month - 1], WEEKDAYS[date.weekday()]
    return form.format(
        day=date.day,
        dd=f"{date.day:02}",
        nth=_nth(date.day),
        number=date.month,
        mm=f"{date.month:02}",
        month=month,
        mon=month[:3],
        year=date.year,
        yy=f"{date.year % 100:02}",
        weekday=weekday,
        wday=weekday[:3],
    )


def _nth(day: int) -> str:
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
