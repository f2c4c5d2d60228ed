"""Every mistake in a file ends in one line that names file, line, value and mend."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from common.errors import BadInput
from components.columnar_example_gen import csv_reader, examples, inputs, tables
from components.columnar_example_gen.options import ReaderOptions

BUCKETS = {"train": 7, "valid": 1, "eval": 2}
GOOD = "x,kind,y\n" + "".join(f"{i},{'ab'[i % 2]},{i / 4}\n" for i in range(60))


def line_at(number: int, line: str) -> str:
    """GOOD with another text on one of its lines (from 1)."""
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def message(content: str | bytes | dict[str, str], name: str = "rows.csv", **options: Any) -> str:
    """What the reader says to a file, or to files for explicit splits; the folder in front is cut off."""
    files: dict[str, list[str]] = {}
    contents = content if isinstance(content, dict) else {"all": content}
    for split, text in contents.items():
        path = Path(name if split == "all" else f"{split}.csv").absolute()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        files[split] = [str(path)]
    options = {"labels": ["kind"], "task": "multiclass", **options}
    with pytest.raises(BadInput) as caught:
        examples.build(files, ReaderOptions(**options), BUCKETS if "all" in files else None)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{Path.cwd()}/", "")


@pytest.fixture(autouse=True, params=[csv_reader.BLOCK, 50], ids=["one block", "many blocks"])
def _in_empty_folder(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(csv_reader.blocks, "__defaults__", (request.param, 0, None))
    monkeypatch.setattr(tables, "_FIRST_LOOK", min(tables._FIRST_LOOK, request.param))


def test_the_good_file_is_read() -> None:
    Path("rows.csv").write_text(GOOD)
    built = examples.build({"all": ["rows.csv"]}, ReaderOptions(labels=["kind"], task="multiclass"), BUCKETS)
    assert built.table.num_rows == 60


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "rows.csv: the file is empty; it needs a header line and rows"),
        ("\n\n", "rows.csv: the file is empty; it needs a header line and rows"),
        ("x,kind,y\n", "rows.csv: there is a header but no row below it; add rows"),
        ("x,kind,x\n1,a,2\n", "rows.csv:1: columns 1 and 3 are both named 'x'; rename one"),
        (
            "4,4,a\n1,2,a\n",
            "rows.csv:1: columns 1 and 2 are both named '4'; put a header line above the rows",
        ),
        ("x,,kind\n1,2,a\n", "rows.csv:1: column 2 has an empty name; give every column a name"),
        (
            ",x,kind\n0,2,a\n",
            "rows.csv:1: column 1 has an empty name; give every column a name (pandas writes its index so: use"
            " to_csv(..., index=False))",
        ),
        (
            line_at(5, "3,b,1,9"),
            "rows.csv:5: too many fields: 4 for 3 columns ('3,b,1,9'); mend the row, or quote fields that hold a ','",
        ),
        (
            line_at(7, "5,b"),
            "rows.csv:7: too few fields: 2 for 3 columns ('5,b'); mend the row, or quote fields that hold a ','",
        ),
        (
            line_at(9, "seven,b,1.5"),
            "rows.csv:9: column x (otherwise numeric): 'seven' is not a number; mend the row, list the value under"
            " data.missing_values, or declare data.types: {x: text}",
        ),
        (
            line_at(10, "8,a,NaN"),
            "rows.csv:10: column y (otherwise numeric): 'NaN' is not a number (NaN); mend the row, list the value"
            " under data.missing_values, or declare data.types: {y: text}",
        ),
        (
            line_at(11, "9,b,-inf"),
            "rows.csv:11: column y (otherwise numeric): '-inf' is infinite, or too large for a 32-bit float; mend the"
            " row, list the value under data.missing_values, or declare data.types: {y: text}",
        ),
        (
            line_at(12, "10,a,1e39"),
            "rows.csv:12: column y (otherwise numeric): '1e39' is infinite, or too large for a 32-bit float; mend the"
            " row, list the value under data.missing_values, or declare data.types: {y: text}",
        ),
        (
            line_at(13, "9223372036854775808,b,2.75"),
            "rows.csv:13: column x (otherwise numeric): '9223372036854775808' is beyond 64 bits; mend the row, list"
            " the value under data.missing_values, or declare data.types: {x: float or text}",
        ),
        (
            line_at(14, '12,"a,3'),
            'rows.csv:14: a quote (") is opened and never closed; close it',
        ),
        (
            GOOD + '60,a,"4',
            'rows.csv:62: a quote (") is opened and never closed; close it',
        ),
        (
            line_at(15, "13,,3.25"),
            "rows.csv:15: label kind is missing (1 such rows); give it a value or take the row out",
        ),
        (
            line_at(16, "14,z,3.5"),
            "rows.csv:16: label kind: class 'z' occurs once only; a class needs rows to train on and rows to evaluate"
            " on: mend the value, or take the row out",
        ),
        (
            GOOD.replace("b", "a"),
            "rows.csv: label kind has one class only, 'a'; a classifier needs at least two",
        ),
        (
            "x,kind,y\n1,a,2\n2,b,3\n3,a,4\n4,b,5\n",
            "rows.csv: split valid got none of the 4 rows; give more rows, or more to valid under data.splits",
        ),
        (
            GOOD.replace(",", ";"),
            "rows.csv:1: one column only, 'x;kind;y'; set data.delimiter to ';'",
        ),
    ],
)
def test_mistakes_in_a_file(content: str, said: str) -> None:
    assert message(content).startswith(said)


def test_line_numbers_count_blank_lines_and_line_ends_inside_quotes() -> None:
    rows = 'x,kind,y\n0,a,0\n\n1,"b\nb\n",1\n' + "".join(f"{i},a,{i}\n" for i in range(2, 40)) + "?,a,9\n"
    assert message(rows).startswith("rows.csv:45: column x (otherwise numeric): '?' is not a number")


def test_the_line_is_that_of_the_second_file() -> None:
    Path("a.csv").write_text(GOOD)
    Path("b.csv").write_text(line_at(3, "one,a,2"))
    with pytest.raises(BadInput, match=r"^b\.csv:3: column x \(otherwise numeric\): 'one' is not a number"):
        examples.build({"all": ["a.csv", "b.csv"]}, ReaderOptions(), BUCKETS)


def test_files_that_disagree_on_their_columns() -> None:
    Path("a.csv").write_text(GOOD)
    Path("b.csv").write_text(GOOD.replace("y", "z"))
    with pytest.raises(BadInput) as caught:
        examples.build({"all": ["a.csv", "b.csv"]}, ReaderOptions(), BUCKETS)
    assert str(caught.value) == (
        "b.csv:1: has no column y and has a column z, unlike a.csv; give the files the same columns"
    )


def test_label_that_is_not_in_the_header() -> None:
    assert message(GOOD, labels=["Kind"]) == "rows.csv:1: no column 'Kind' (the label); did you mean 'kind'?"
    assert (
        message(GOOD, labels=["price"])
        == "rows.csv:1: no column 'price' (the label); the columns are x, kind, y"
    )


def test_declared_and_dropped_columns_must_exist() -> None:
    assert message(GOOD, types={"z": "int"}).startswith(
        "rows.csv:1: no column 'z' (data.types); the columns are x"
    )
    assert message(GOOD, drop=["kinds"]) == "rows.csv:1: no column 'kinds' (data.drop); did you mean 'kind'?"


def test_declared_types_are_kept_to() -> None:
    assert message(GOOD, types={"kind": "float"}) == (
        "rows.csv:2: column kind (declared float): 'a' is not a number; mend the row, list the value under"
        " data.missing_values, or declare data.types: {kind: text}"
    )
    assert message(GOOD, types={"y": "int"}).startswith(
        "rows.csv:2: column y (declared int): '0.0' is not a whole number"
    )


def test_infinity_passes_no_declared_type_but_text() -> None:
    content = line_at(4, "2,a,inf")
    assert message(content, types={"y": "float"}).startswith(
        "rows.csv:4: column y (declared float): 'inf' is infinite"
    )
    Path("rows.csv").write_text(content)
    assert (
        examples.build({"all": ["rows.csv"]}, ReaderOptions(types={"y": "text"}), BUCKETS).table.num_rows
        == 60
    )


def test_a_spelling_of_missing_is_told_even_when_it_is_frequent() -> None:
    rows = "x,kind,y\n" + "".join(f"{'NA' if i % 3 else i},{'ab'[i % 2]},{i}\n" for i in range(60))
    assert message(rows).startswith("rows.csv:3: column x (otherwise numeric): 'NA' is not a number")
    Path("rows.csv").write_text(rows)
    read = examples.build({"all": ["rows.csv"]}, ReaderOptions(missing_values=["NA"]), BUCKETS)
    assert read.table.num_rows == 60


def test_label_checks_by_task() -> None:
    three = GOOD.replace("1,b", "1,c")
    assert message(three, task="binary") == (
        "rows.csv: label kind has 3 classes (a, c, b); task: binary needs two, or set task: multiclass"
    )
    assert message(GOOD, task="regression") == (
        "rows.csv:2: label kind: 'a' is not a number; regression needs one, or set task: multiclass"
    )


def test_class_that_train_never_saw() -> None:
    files = {"train": GOOD, "valid": GOOD, "eval": GOOD + "60,c,1\n61,c,1\n"}
    assert message(files) == (
        "eval.csv:62: label kind: class 'c' is in split eval but not in train; give train rows of this class, or take"
        " its rows out"
    )


def test_every_label_missing() -> None:
    rows = "x,kind\n" + "1,\n" * 9
    assert message(rows) == "rows.csv: label kind: every value is missing; give the rows a label"


def test_a_column_without_any_value_is_kept() -> None:
    Path("rows.csv").write_text("x,empty\n" + "".join(f"{i},\n" for i in range(60)))
    built = examples.build({"all": ["rows.csv"]}, ReaderOptions(), BUCKETS)
    assert all(b"empty\x12\x00" in record for record in built.records("train"))


def test_bytes_that_are_not_utf8() -> None:
    content = line_at(5, "3,é,1").encode("latin-1")
    assert message(content) == (
        f"rows.csv:5: byte 0xe9 at offset {content.index(0xE9)} is not UTF-8; it looks like latin1:"
        " iconv -f latin1 -t utf-8 rows.csv, into a new file"
    )
    assert "it looks like windows-1252" in message("preis,kind\n3 €,a\n".encode("cp1252"))
    assert "it looks like utf-16" in message(GOOD.encode("utf-16"))
    assert "among other bytes that stand in no text" in message(b"PK\x03\x04\x14\x06\x08\x80" * 20)
    assert message("größe,kind\n1,a\n".encode("latin-1")).startswith(
        "rows.csv:1: byte 0xf6 at offset 2 is not UTF-8"
    )


def test_files_of_other_programs() -> None:
    assert message(GOOD, "rows.xlsx") == (
        "rows.xlsx: files of this kind are not read; save the sheet as CSV in UTF-8"
    )
    assert "orient='records', lines=True" in message("[{}]", "rows.json")


def test_broken_gzip() -> None:
    packed = gzip.compress(GOOD.encode())
    assert message(packed[:-20], "rows.csv.gz") == "rows.csv.gz: the gzip file is cut off; copy it again"
    assert message(GOOD, "rows.csv.gz").startswith(
        "rows.csv.gz: not a readable gzip file (Not a gzipped file"
    )
    damaged = packed[:60] + b"\xff\xff\xff" + packed[63:]
    assert message(damaged, "rows.csv.gz").startswith("rows.csv.gz: not a readable gzip file (")


def test_nothing_matches() -> None:
    Path("sub").mkdir()
    Path("penguins.csv").write_text(GOOD)
    for path, said in {
        "penguin.csv": "penguin.csv: no such file or folder; nearest in {0}: penguins.csv",
        "pengui*.tsv": "pengui*.tsv: nothing matches; nearest in {0}: penguins.csv",
        "nowhere/penguins.csv": "nowhere: no such file or folder; nearest in {0}: penguins.csv",
        "sub": "sub: no file in this folder ends in .csv, .csv.gz, .csv.zst, .tsv, .tsv.gz, .tsv.zst, .jsonl, .jsonl.gz, .jsonl.zst,"
        " .ndjson, .ndjson.gz, .ndjson.zst, .parquet, .arrow, .feather; name the files in data.path",
        "sub/x.csv": "sub/x.csv: no such file or folder; {0}/sub holds no data file",
    }.items():
        base, pattern = inputs.locate(path)
        with pytest.raises(BadInput) as caught:
            inputs.resolve(base, {"all": pattern})
        assert str(caught.value) == f"{Path.cwd()}/" + said.format(Path.cwd())


def test_options_that_are_not_allowed() -> None:
    with pytest.raises(BadInput, match=r"data\.delimiter: ';;' is not one character"):
        ReaderOptions(delimiter=";;")
    with pytest.raises(
        BadInput, match=r"data\.types: x: 'integer' is not a type; give one of int, float, text"
    ):
        ReaderOptions(types={"x": "integer"})
    with pytest.raises(BadInput, match=r"data\.drop: y is the label"):
        ReaderOptions(drop=["y"], labels=["y"])


def test_zstandard_is_read_like_gzip() -> None:
    packed = pa.compress(GOOD.encode(), codec="zstd", asbytes=True)
    Path("rows.csv.zst").write_bytes(packed)
    options = ReaderOptions(labels=["kind"], task="multiclass")
    assert csv_reader.columns("rows.csv.zst", options) == ["x", "kind", "y"]
    assert examples.build({"all": ["rows.csv.zst"]}, options, BUCKETS).table.num_rows == 60
    for content, said in (
        (packed[:-9], "rows.csv.zst: the zstd file is cut off; copy it again"),
        (GOOD, "rows.csv.zst: not a readable zstd file ("),
    ):
        assert message(content, name="rows.csv.zst").startswith(said)
