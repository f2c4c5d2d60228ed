"""Types of whole columns, and their numbers."""

from __future__ import annotations

import pyarrow as pa
import pytest

from components.columnar_example_gen import column_types
from components.columnar_example_gen.column_types import BadValue


def column(*values: str | None) -> pa.ChunkedArray:
    """A column in two chunks, as a file of several blocks gives it."""
    middle = len(values) // 2
    return pa.chunked_array([pa.array(values[:middle], pa.string()), pa.array(values[middle:], pa.string())])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", None, "-3", "9223372036854775807", "-9223372036854775808"], "int"),
        ([" 12", "+5", "1_000"], "int"),
        (["1", "+2"], "int"),
        (["1", "2", "2.5"], "float"),
        (["1e3", ".5", "5.", "-1E-3"], "float"),
        (["1e20", "2"], "float"),
        (["0x1F", "0x2A"], "text"),
        (["a", "b", None], "text"),
        (["1", "2", "a", "b"], "text"),
        (["18446744073709551616", "18446744073709551617"], "text"),
        ([None, None], "unknown"),
    ],
)
def test_type_of_a_column(values: list[str | None], kind: str) -> None:
    assert column_types.infer(column(*values)) == kind


def test_a_few_texts_among_numbers_are_a_mistake() -> None:
    numbers = [str(i) for i in range(18)]
    assert column_types.infer(column(*numbers, "x", "y")) == BadValue(18, "x", "is not a number")
    assert column_types.infer(column(*numbers, "x", "y", "z")) == "text"


def test_spellings_of_missing_do_not_make_a_column_text() -> None:
    assert column_types.infer(column("NA", "1.5", "n/a", "?", "NULL")) == BadValue(0, "NA", "is not a number")
    assert column_types.infer(column("NA", "red", "blue")) == "text"


def test_an_integer_beyond_64_bits_is_no_float() -> None:
    numbers = [str(i) for i in range(20)]
    assert column_types.infer(column(*numbers, "9223372036854775808")) == BadValue(
        20, "9223372036854775808", "is beyond 64 bits"
    )


def test_conversion_keeps_missing_values_and_precision() -> None:
    ints = column_types.convert(column("1", None, " -7", "1_0"), "int")
    assert ints.to_pylist() == [1, None, -7, 10]
    floats = column_types.convert(column("0.1", None, "1e30", "16777217"), "float")
    assert floats.type == pa.float32()
    assert floats.to_pylist() == [
        pytest.approx(0.1, rel=1e-7),
        None,
        pytest.approx(1e30, rel=1e-7),
        16777216.0,
    ]
    assert column_types.convert(column("1", "a"), "text").to_pylist() == ["1", "a"]
    assert column_types.convert(column(None, None), "unknown").null_count == 2


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("int", "1.0", "is not a whole number"),
        ("int", "9223372036854775808", "is beyond 64 bits"),
        ("int", "one", "is not a number"),
        ("float", "nan", "is not a number (NaN)"),
        ("float", "-Infinity", "is infinite, or too large for a 32-bit float"),
        ("float", "4e38", "is infinite, or too large for a 32-bit float"),
        ("float", "٣", "is not a number"),
    ],
)
def test_declared_types_name_the_first_value_that_does_not_fit(kind: str, value: str, reason: str) -> None:
    assert column_types.convert(column("1", None, value, value), kind) == BadValue(2, value, reason)
