"""Rows and columns of a CSV of images that are no use: each is named with its line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from tests.components.image_example_gen.images import encoded, flat, pixels, records, run, write_file

GOOD = [f"{index}.png,{'ab'[index % 2]},{index}" for index in range(30)]


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [encoded(pixels(index)) for index in range(30)]


@pytest.fixture
def folder(tmp_path: Path, pictures: list[bytes]) -> Path:
    for index, content in enumerate(pictures):
        write_file(tmp_path / "data" / f"{index}.png", content)
    return tmp_path / "data"


def write(folder: Path, *lines: str, header: str = "path,kind,weight") -> Path:
    return write_file(folder / "rows.csv", "\n".join([header, *lines, ""]).encode())


def changed(line: int, text: str) -> list[str]:
    """The good rows with another text on one line of the file (from 1)."""
    return [*GOOD[: line - 2], text, *GOOD[line - 1 :]]


def message(path: Path, **reader: Any) -> str:
    with pytest.raises(BadInput) as caught:
        run(path, path.parent.parent, **{"images": "csv", "labels": ["kind"], **reader})
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(path.parent), "DATA")


OR_SKIP = " (or set data.on_error: skip)"


def test_paths_with_backslashes(folder: Path, pictures: list[bytes]) -> None:
    write_file(folder / "sub" / "1.png", pictures[1])
    path = write(folder, *changed(7, "sub\\1.png,a,1"))
    assert message(path) == (
        f"DATA/rows.csv:7: there is no file sub\\1.png; write / for \\ in the paths{OR_SKIP}"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "gone.png,a,1",
            f"DATA/rows.csv:7: there is no file gone.png; mend the path, or take the row out{OR_SKIP}",
        ),
        (",a,1", f"DATA/rows.csv:7: the path is empty; name a file, or take the row out{OR_SKIP}"),
        ("5.png,,1", f"DATA/rows.csv:7: label kind is empty; give it a value, or take the row out{OR_SKIP}"),
        ("sub,a,1", f"DATA/rows.csv:7: sub is no plain file; name an image, or take the row out{OR_SKIP}"),
        (
            "text.png,a,1",
            "DATA/rows.csv:7 (text.png): the file holds text ('hello'...), not a PNG; copy it again, or take it out"
            f"{OR_SKIP}",
        ),
        (
            "5.png,a",
            "DATA/rows.csv:7: too few fields: 2 for 3 columns ('5.png,a'); mend the row, or quote fields that hold a ','",
        ),
        (
            "5.png,a,heavy",
            "DATA/rows.csv:7: column weight (otherwise numeric): 'heavy' is not a number; mend the row, list the value"
            " under data.missing_values, or declare data.types: {weight: text}",
        ),
    ],
)
def test_a_row_that_is_no_use(folder: Path, line: str, said: str) -> None:
    (folder / "sub").mkdir()
    write_file(folder / "text.png", b"hello")
    assert message(write(folder, *changed(7, line))) == said


def test_rows_are_left_out_and_listed(folder: Path) -> None:
    lines = changed(7, "gone.png,a,1")
    lines[10] = "10.png,,1"
    write_file(folder / "20.png", b"")
    examples = run(write(folder, *lines), folder.parent, images="csv", labels=["kind"], on_error="skip")
    assert sorted(flat(records(examples))) == sorted(f"{i}.png" for i in range(30) if i not in (5, 10, 20))
    listed = list(csv.reader(Path(examples.uri, "skipped.csv").read_text().splitlines()))
    assert [row[:2] for row in listed[1:]] == [
        ["rows.csv:7", "there is no file gone.png"],
        ["rows.csv:12", "label kind is empty"],
        ["rows.csv:22 (20.png)", "the file is empty (0 bytes)"],
    ]


def test_lines_are_counted_behind_quoted_line_ends(folder: Path) -> None:
    path = write(folder, '0.png,"a\nb",1', *GOOD[1:6], "gone.png,a,1", *GOOD[7:])
    assert message(path).startswith("DATA/rows.csv:9: there is no file gone.png")


@pytest.mark.parametrize(
    ("header", "reader", "said"),
    [
        (
            "file,kind,weight",
            {},
            "DATA/rows.csv:1: no column 'path' (data.path_column); the columns are file, kind, weight",
        ),
        ("path,kinds,weight", {}, "DATA/rows.csv:1: no column 'kind' (the label); did you mean 'kinds'?"),
        (
            "path,kind,height",
            {},
            "DATA/rows.csv:1: column height is named like a feature that every image has; rename it, or list it under"
            " data.drop",
        ),
        ("path,kind,weight", {"drop": ["kind"]}, "data.drop: kind is the label; take it out of the list"),
        (
            "path,kind,weight",
            {"drop": ["path"]},
            "data.drop: path is data.path_column; take it out of the list",
        ),
    ],
)
def test_columns_that_are_no_use(folder: Path, header: str, reader: dict[str, Any], said: str) -> None:
    assert message(write(folder, *GOOD, header=header), **reader) == said


def test_a_feature_of_every_image_may_be_the_path_or_dropped(folder: Path) -> None:
    path = write(folder, *GOOD, header="file_name,kind,width")
    reader = {"images": "csv", "labels": ["kind"], "path_column": "file_name", "drop": ["width"]}
    assert flat(records(run(path, folder.parent, **reader)))["3.png"]["width"] == 10


def test_regression_labels_are_numbers(folder: Path) -> None:
    path = write(folder, *GOOD)
    assert message(path, task="regression").startswith(
        "DATA/rows.csv:2: column kind (declared float): 'a' is not a number; mend the row"
    )


def test_paths_that_are_no_csv(folder: Path) -> None:
    path = write(folder, *GOOD)
    assert message(folder / "row.csv").startswith(
        "DATA/row.csv: no such file or folder; nearest in DATA: rows.csv"
    )
    assert message(path.parent).endswith(
        "/data: is a folder; images: csv needs the CSV that lists the images"
    )
