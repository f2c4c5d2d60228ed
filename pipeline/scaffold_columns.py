"""What the columns of a table are, as far as its values tell: the ground on which a catalog file is proposed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from components.columnar_example_gen import column_types
from components.columnar_example_gen.column_types import MISSING_SPELLINGS, BadValue

FEW_VALUES = 10
MOST_CLASSES = 20
MOSTLY_DIFFERENT = 0.9
_MOSTLY = 0.9
_MISSING_AS_TEXT = frozenset({"NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "?"})
_MOST_STRAY_VALUES = 5
_ROWS_FOR_AN_ID = 20
_WRITTEN_NUMBER = re.compile(
    r"[-+]?\d+(\.\d{3})*,\d+"  # 1.234,5
    r"|[-+]?\d{1,3}(,\d{3})+(\.\d+)?"  # 1,234.5
    r"|[-+]?[$€£]\s?\d[\d.,]*|[-+]?\d[\d.,]*\s?[%$€£]"  # $ 1,234.5 and 12.5%
)
_DATE = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d{2}))([T ]\d{1,2}:.*)?")


@dataclass(frozen=True)
class Column:
    """One column: `kind` is int, float, text or unknown; `counts` its values, the most frequent first.

    `declare` says why its type has to be declared as text, `drop` why the model should not see it.
    """

    name: str
    kind: str
    rows: int
    missing: int
    counts: dict[str, int]
    declare: str = ""
    drop: str = ""

    @property
    def distinct(self) -> int:
        return len(self.counts)


@dataclass(frozen=True)
class Missing:
    """A spelling that stands for a missing value, where it was seen, and how often."""

    spelling: str
    columns: tuple[str, ...]
    count: int


def missing_spellings(text: pa.Table, keep: Sequence[str]) -> list[Missing]:
    """Spellings such as NA, and the few values that are no number in a column of numbers.

    Columns in `keep` are not looked at for the latter: a wrong label is a mistake, and a text is a text.
    """
    found: dict[str, Missing] = {}
    for name in text.column_names:
        counts = _counts(text.column(name))
        for spelling in _missing_in(text.column(name), counts, name in keep):
            before = found.get(spelling, Missing(spelling, (), 0))
            found[spelling] = Missing(spelling, (*before.columns, name), before.count + counts[spelling])
    return list(found.values())


def describe(text: pa.Table, labels: Sequence[str], texts: Collection[str] = ()) -> list[Column]:
    """The columns of a text table in which missing values are null already; those in `texts` are text by their format."""
    described = [
        _describe(name, text.column(name), name in labels, name in texts) for name in text.column_names
    ]
    return [_as_classes(column) if [column.name] == list(labels) else column for column in described]


def _as_classes(label: Column) -> Column:
    """0.0 and 1.0 are classes like 0 and 1: a program that knows missing numbers only as floats wrote them."""
    if label.kind != "float" or label.distinct > MOST_CLASSES:
        return label
    if not all(float(value).is_integer() for value in label.counts):
        return label
    return replace(label, kind="text", declare=f"{label.distinct} whole numbers: classes")


def written_number(counts: Mapping[str, int]) -> str:
    """The most frequent value where most are numbers that no program reads as such ('1.234,5', '12 %'), else nothing."""
    return _most_frequent(counts, _WRITTEN_NUMBER)


def _most_frequent(counts: Mapping[str, int], pattern: re.Pattern[str]) -> str:
    fitting = [value for value in counts if pattern.fullmatch(value.strip())]
    most = sum(counts[value] for value in fitting) >= _MOSTLY * sum(counts.values())
    return fitting[0] if fitting and most else ""


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = [
        (entry["values"], entry["counts"]) for entry in pc.value_counts(column.drop_null()).to_pylist()
    ]
    return dict(sorted(counted, key=lambda pair: (-pair[1], pair[0])))


def _missing_in(column: pa.ChunkedArray, counts: dict[str, int], is_label: bool) -> list[str]:
    """Values of one column that stand for "no value"."""
    spelled = [value for value in counts if value.strip().lower() in MISSING_SPELLINGS]
    rest = column.filter(pc.invert(pc.is_in(column, pa.array(spelled, pa.string()))))
    if is_label or column_types.infer(rest) in ("text", "unknown"):
        return [value for value in counts if value in _MISSING_AS_TEXT]
    stray = [value for value in counts if _is_no_number(value)]
    few = len(stray) <= _MOST_STRAY_VALUES
    return stray if few else [value for value in stray if value in spelled]


def _is_no_number(value: str) -> bool:
    return isinstance(column_types.convert(pa.chunked_array([pa.array([value])]), "float"), BadValue)


def _describe(name: str, column: pa.ChunkedArray, is_label: bool, is_text: bool) -> Column:
    counts = _counts(column)
    rows, missing = len(column), column.null_count
    inferred = "text" if is_text and counts else column_types.infer(column)
    kind, declare = inferred if isinstance(inferred, str) else "text", ""
    if isinstance(inferred, BadValue):
        # Of a label that is no number the reader tells the line; it is no text for that.
        kind, declare = (
            ("float", "") if is_label else ("text", f"{inferred.value!r} and others are no numbers")
        )
    elif kind == "int" and any(_has_leading_zero(value) for value in counts):
        kind, declare = "text", "codes: some begin with 0"
    drop = "" if is_label else _why_drop(kind, rows, missing, counts)
    return Column(name, kind, rows, missing, counts, "" if drop else declare, drop)


def _has_leading_zero(value: str) -> bool:
    digits = value.strip().lstrip("+-")
    return len(digits) > 1 and digits.startswith("0")


def _why_drop(kind: str, rows: int, missing: int, counts: dict[str, int]) -> str:
    present = rows - missing
    if not present:
        return "no value in any row"
    if len(counts) == 1:
        return f"one value only: {next(iter(counts))!r}"
    if kind == "text" and len(counts) > FEW_VALUES:
        if number := written_number(counts):
            return f"numbers written like {number!r}: write them like 1234.5, and take this line out"
        if date := _most_frequent(counts, _DATE):
            return f"dates such as {date!r}: numbers made of them (age in days, month, weekday) could be learned from"
    if present < _ROWS_FOR_AN_ID:
        return ""
    if kind == "text" and len(counts) >= MOSTLY_DIFFERENT * present:
        return f"text, {len(counts):,} different values in {present:,} rows: an id or free text"
    if kind == "int" and len(counts) == rows:
        numbers = sorted(map(int, counts))
        if numbers[-1] - numbers[0] == rows - 1:
            return "numbers the rows"
    return ""
