"""From JSON and CSV files as people have them to the rows that a signature takes."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from pipeline import request_rows
from serving.client_types import Tensor

INPUTS = {
    "length": Tensor("DT_FLOAT", (-1,)),
    "year": Tensor("DT_INT64", (-1,)),
    "island": Tensor("DT_STRING", (-1,)),
}
NAMED = {"Price__EUR_": Tensor("DT_FLOAT", (-1, 1)), "class_": Tensor("DT_STRING", (-1,))}
PIXELS = {"pixels": Tensor("DT_FLOAT", (-1, 28, 28))}


def csv(tmp_path: Path, text: str, inputs: Any = INPUTS, **data: Any) -> tuple[list[Any], list[str]]:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return request_rows.from_csv(path, inputs, "m", data)


def test_an_object_is_one_row() -> None:
    given = '{"length": 39.1, "year": 2007, "island": "Dream"}'
    assert request_rows.from_json(given, INPUTS, "m") == [{"length": 39.1, "year": 2007, "island": "Dream"}]


def test_null_is_a_missing_value() -> None:
    given = '[{"length": null, "year": null, "island": null}]'
    (row,) = request_rows.from_json(given, INPUTS, "m")
    assert math.isnan(row["length"])
    assert (row["year"], row["island"]) == (-(2**31), "")
    (row,) = request_rows.from_json('{"Price (EUR)": null, "class": "a"}', NAMED, "m")
    assert math.isnan(row["Price__EUR_"][0])


def test_files_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = '[{"x": 1.5}, {"x": 2}]'
    (tmp_path / "rows.json").write_text(given)
    inputs = {"x": Tensor("DT_FLOAT", (-1,))}
    expected = [{"x": 1.5}, {"x": 2}]
    assert request_rows.from_json(f"@{tmp_path / 'rows.json'}", inputs, "m") == expected
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    assert request_rows.from_json("-", inputs, "m") == expected


def test_the_only_input_needs_no_name() -> None:
    x = {"x": Tensor("DT_FLOAT", (-1,))}
    assert request_rows.from_json("[1, 2.5]", x, "m") == [{"x": 1}, {"x": 2.5}]
    image = {"image": Tensor("DT_STRING", (-1,))}
    assert request_rows.from_json('{"b64": "AA=="}', image, "m") == [{"image": {"b64": "AA=="}}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{'x': 1}", "--json: not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[]", "--json: an empty list; give at least one example"),
        ("[1]", "--json: 1 is no object; m takes island, length, year"),
        ('{"lenght": 1, "year": 1, "island": ""}', "--json: m has no input 'lenght'; did you mean length?"),
        ('{"zz": 1}', "--json: m has no input 'zz'; the inputs are island, length, year"),
        (
            '{"year": 1}',
            "--json: island, length are missing; give their values, or null where they have none",
        ),
        ('{"length": 1, "year": 1}', "--json: island is missing; give its value, or null when it has none"),
        (
            '[{"length": 1, "year": 1, "island": ""}, {"length": 1, "year": 1}]',
            "--json: example 2: island is missing",
        ),
        ("@nowhere.json", "--json @nowhere.json: no such file"),
    ],
)
def test_json_that_does_not_fit(given: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        request_rows.from_json(given, INPUTS, "m")
    assert str(raised.value).startswith(message)


def test_a_csv_file(tmp_path: Path) -> None:
    text = "year,island,length,species\n2007,Dream,39.1,Adelie\n2008,,40,Gentoo\n"
    rows, unused = csv(tmp_path, text)
    assert rows == [
        {"length": 39.1, "year": 2007, "island": "Dream"},
        {"length": 40.0, "year": 2008, "island": ""},
    ]
    assert unused == ["species"]


def test_missing_cells(tmp_path: Path) -> None:
    rows, _ = csv(tmp_path, "year,island,length\nNA,NA,NA\n", missing_values=["", "NA"])
    assert math.isnan(rows[0]["length"])
    assert (rows[0]["year"], rows[0]["island"]) == (-(2**31), "")


def test_columns_are_named_as_the_export_names_them(tmp_path: Path) -> None:
    rows, unused = csv(tmp_path, "class,Price (EUR)\na,2\n", NAMED)
    assert (rows, unused) == ([{"Price__EUR_": [2.0], "class_": "a"}], [])


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str, tmp_path: Path) -> None:
    text = "year,island,length\n2007,Dream,39.1\n".replace(",", delimiter)
    assert csv(tmp_path, text)[0] == [{"length": 39.1, "year": 2007, "island": "Dream"}]


def test_a_file_of_another_program_than_the_training_data(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("year;island;length\n2007;Dream;39.1\n")
    rows, _ = request_rows.from_csv(path, INPUTS, "m", {"delimiter": ","})
    assert rows == [{"length": 39.1, "year": 2007, "island": "Dream"}]
    path = path.rename(tmp_path / "rows.parquet")
    with pytest.raises(
        BadInput, match=r"rows\.parquet: not a CSV file; write it as one, or give --json @rows\.json"
    ):
        request_rows.from_csv(path, INPUTS, "m", {})


def test_packed_and_as_windows_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfyear,island,length\r\n2007,Dream,39.1\r\n"))
    rows, _ = request_rows.from_csv(path, INPUTS, "m", {})
    assert rows == [{"length": 39.1, "year": 2007, "island": "Dream"}]


def test_texts_that_look_like_numbers_and_doubles_stay_exact(tmp_path: Path) -> None:
    inputs = {"code": Tensor("DT_STRING", (-1,)), "x": Tensor("DT_DOUBLE", (-1,))}
    rows, _ = csv(tmp_path, "code,x\n00420,0.1234567890123\n", inputs)
    assert rows == [{"code": "00420", "x": 0.1234567890123}]


def test_booleans(tmp_path: Path) -> None:
    inputs = {"new": Tensor("DT_BOOL", (-1,))}
    rows, _ = csv(tmp_path, "new,other\ntrue,1\n0,1\n", inputs)
    assert rows == [{"new": True}, {"new": False}]
    with pytest.raises(BadInput, match=r"rows.csv:3: column new: 'maybe' is neither true nor false"):
        csv(tmp_path, "new,other\ntrue,1\nmaybe,1\n", inputs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "year,island,lenght\n1,a,2\n",
            r"rows\.csv:1: no column 'length', which m takes; did you mean lenght\?",
        ),
        (
            "year,island\n1,a\n",
            r"rows\.csv:1: no column 'length', which m takes; the columns are year, island",
        ),
        (
            "year,island,length\n1,a,2\n2,b,3 mm\n",
            r"rows\.csv:3: column length: '3 mm' is not a number; mend",
        ),
        ("year,island,length\n1.5,a,2\n", r"rows\.csv:2: column year: '1\.5' is not a whole number; mend"),
        ("year,island,length\n1,a\n", r"rows\.csv:2: too few fields: 2 for 3 columns"),
        ("year,island,length\n", r"there is a header but no row below it"),
    ],
)
def test_csv_that_does_not_fit(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        csv(tmp_path, text)


def test_what_a_csv_file_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"input pixels of m is float \[-1, 28, 28\], not one value a row"):
        csv(tmp_path, "pixels\n1\n", PIXELS)
    with pytest.raises(BadInput, match=r"nowhere\.csv: no such file"):
        request_rows.from_csv(tmp_path / "nowhere.csv", INPUTS, "m", {})
