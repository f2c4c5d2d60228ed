"""Parquet, JSON lines and Arrow files give the examples that the same rows give as CSV."""

from __future__ import annotations

import datetime
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from common.errors import BadInput
from components.columnar_example_gen import examples, json_lines, source, typed_files
from components.columnar_example_gen.options import ReaderOptions

BUCKETS = {"train": 7, "valid": 1, "eval": 2}
TABLE = pa.table(
    {
        "n": pa.array([None if i % 7 == 0 else i for i in range(300)], pa.int32()),
        "f": pa.array([None if i % 5 == 0 else i / 8 for i in range(300)], pa.float64()),
        "t": [["ä", 'quote " and, comma', "line\nend", "", None][i % 5] for i in range(300)],
        "kind": ["ab"[i % 2] for i in range(300)],
        "none": pa.nulls(300, pa.string()),
    }
)


def parquet(table: pa.Table, path: Path) -> None:
    pa.parquet.write_table(table, path, row_group_size=70)


def arrow(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=90)


def lines(table: pa.Table, path: Path) -> None:
    text = "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()
    packed = {".gz": gzip.compress, ".zst": lambda data: pa.compress(data, "zstd", asbytes=True)}
    path.write_bytes(packed.get(path.suffix, bytes)(text))


FORMATS: dict[str, Callable[[pa.Table, Path], None]] = {
    "rows.parquet": parquet,
    "rows.arrow": arrow,
    "rows.feather": arrow,
    "rows.jsonl": lines,
    "rows.ndjson.gz": lines,
    "rows.jsonl.zst": lines,
}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def records(*names: str, **options: Any) -> dict[str, list[bytes]]:
    given = ReaderOptions(**{"labels": ["kind"], "task": "multiclass", **options})
    built = examples.build({"all": list(names)}, given, BUCKETS)
    return {split: list(built.records(split)) for split in BUCKETS}


def message(name: str, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        records(name, **{"labels": [], "task": "", **options})
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_the_examples_are_those_of_a_csv(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pa.csv.write_csv(TABLE, "rows.csv")
    FORMATS[name](TABLE, Path(name))
    monkeypatch.setattr(json_lines.blocks, "__defaults__", (4000,))
    monkeypatch.setattr(typed_files.blocks, "__defaults__", (50,))
    assert records(name) == records("rows.csv")
    assert records(name, drop=["f", "none"]) == records("rows.csv", drop=["f", "none"])
    as_text = {"n": "text"}
    assert records(name, types=as_text) == records("rows.csv", types=as_text)


def test_formats_beside_each_other() -> None:
    half = TABLE.slice(0, 150)
    pa.csv.write_csv(half, "1.csv")
    parquet(TABLE.slice(150), Path("2.parquet"))
    pa.csv.write_csv(TABLE, "rows.csv")
    assert records("1.csv", "2.parquet") == records("rows.csv")


def test_formats_that_disagree_on_a_type() -> None:
    Path("1.csv").write_text("x,y\n1,2\n2,3\n")
    parquet(pa.table({"x": ["1", "2"], "y": [1, 2]}), Path("2.parquet"))
    with pytest.raises(BadInput) as caught:
        records("1.csv", "2.parquet", labels=[], task="")
    assert str(caught.value) == (
        "1.csv: column x holds numbers, and text in 2.parquet; give it one type, or declare data.types: {x: text}"
    )
    declared = source.read({"all": ["1.csv", "2.parquet"]}, ReaderOptions(types={"x": "int"}))
    assert declared.to_pylist() == [
        {"x": 1, "y": 2},
        {"x": 2, "y": 3},
        {"x": 1, "y": 1},
        {"x": 2, "y": 2},
    ]


@pytest.mark.parametrize("write", [parquet, arrow])
def test_types_of_a_file_and_of_its_features(write: Callable[[pa.Table, Path], None]) -> None:
    day = datetime.datetime(2024, 2, 29, 12, 30)
    table = pa.table(
        {
            "truth": [True, False, None],
            "small": pa.array([1, 2, None], pa.uint8()),
            "half": pa.array([0.5, None, 2.0], pa.float32()),
            "code": pa.array(["a", "b", "a"]).dictionary_encode(),
            "large": pa.array(["x", None, ""], pa.large_string()),
            "digits": ["1", "2", "3"],
            "when": pa.array([day, None, day], pa.timestamp("s")),
            "day": pa.array([day.date()] * 3),
        }
    )
    name = "rows.parquet" if write is parquet else "rows.arrow"
    write(table, Path(name))
    read = source.read({"all": [name]}, ReaderOptions(missing_values=["b"]))
    assert read.to_pydict() == {
        "truth": [1, 0, None],
        "small": [1, 2, None],
        "half": [0.5, None, 2.0],
        "code": ["a", None, "a"],
        "large": ["x", None, None],
        "digits": ["1", "2", "3"],
        "when": ["2024-02-29 12:30:00", None, "2024-02-29 12:30:00"],
        "day": ["2024-02-29"] * 3,
    }
    assert read.schema.field("truth").type == pa.int64()
    assert read.schema.field("half").type == pa.float32()


def test_mistakes_in_typed_files() -> None:
    def said(table: dict[str, Any], **options: Any) -> str:
        parquet(pa.table(table), Path("rows.parquet"))
        return message("rows.parquet", **options)

    assert said({"x": [1, 2], "y": [[1], [2]]}).startswith("rows.parquet: column y holds list<")
    assert said({"x": [1, 2], "y": [{"a": 1}, None]}).endswith(
        "a column holds one number or text a row: take it apart, or list y under data.drop"
    )
    assert said({"x": [b"\xff", b"a"]}).startswith(
        "rows.parquet: column x holds bytes that are not UTF-8 text;"
    )
    assert said({"x": [1.0, float("nan")]}).startswith(
        "rows.parquet: row 2: column x (otherwise numeric): 'nan' is not a number (NaN); mend the row"
    )
    assert said({"x": [1.0, 2.0, 1e39]}).startswith(
        "rows.parquet: row 3: column x (otherwise numeric): '1e+39' is infinite, or too large for a 32-bit float"
    )
    assert "'18446744073709551615' is beyond 64 bits" in said({"x": pa.array([2**64 - 1, 1], pa.uint64())})
    assert said({"x": [1, 2]}, types={"y": "int"}).startswith("rows.parquet:1: no column 'y' (data.types)")
    assert "'x' is not a number" in said({"x": ["1", "x"]}, types={"x": "int"})
    assert "'2.5' is not a whole number" in said({"x": [1.0, 2.5]}, types={"x": "int"})
    assert said({"x": pa.array([], pa.int64())}) == "rows.parquet: there is no row in it; add rows"
    Path("rows.parquet").write_bytes(b"PAR1 and nothing else")
    assert message("rows.parquet").startswith("rows.parquet: not a readable Parquet file (")
    Path("rows.arrow").write_bytes(b"no arrow")
    assert message("rows.arrow").startswith("rows.arrow: not a readable Arrow IPC file (")


def test_nan_may_be_listed_as_missing() -> None:
    parquet(pa.table({"x": [1.0, float("nan"), 2.5]}), Path("rows.parquet"))
    read = source.read({"all": ["rows.parquet"]}, ReaderOptions(missing_values=["NaN"]))
    assert read.column("x").to_pylist() == [1.0, None, 2.5]


GOOD = '{"x": 1, "t": "a"}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "rows.jsonl: the file is empty; it needs an object a line"),
        ("{}\n", "rows.jsonl:1: the first object is empty; give it the keys of the columns"),
        (GOOD * 9 + "\n{x}\n", "rows.jsonl:11: not JSON: "),
        (
            GOOD + '{"x": 1, "t": "a\n',
            "rows.jsonl:2: not JSON: Unterminated string starting at column 15 ('{",
        ),
        (GOOD * 9 + "[1]\n", "rows.jsonl:10: '[1]' is no object; write {...} on each line"),
        (GOOD * 3 + '{"x": [1], "t": "a"}\n', "rows.jsonl:4: x is a list; a column holds one text or number"),
        (GOOD * 3 + '{"x": 1, "u": 2}\n', "rows.jsonl:4: key 'u' is not in the first object (x, t); give"),
        (GOOD * 3 + '{"x": "1", "t": "a"}\n', "rows.jsonl:4: column x: '1' is a text, other than in lines"),
        (GOOD * 3 + '{"x": 1, "t": "\\ud800"}\n', "rows.jsonl:4: t: \\ud800 is half of a surrogate pair"),
        (
            GOOD * 3 + '{"x": NaN, "t": "a"}\n',
            "rows.jsonl:4: column x (otherwise numeric): 'nan' is not a number",
        ),
    ],
)
def test_mistakes_in_json_lines(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines.blocks, "__defaults__", (40,))
    Path("rows.jsonl").write_text(text)
    assert message("rows.jsonl").startswith(said)


def test_json_lines_of_every_kind_of_value() -> None:
    rows: list[dict[str, Any]] = [
        {"b": True, "n": 1, "t": "2024-01-01", "m": None},
        {"b": False, "n": 2.5, "t": "2024-01-02T00:00:00", "m": None},
        {"n": None, "t": ""},
        {"b": None, "n": 10**20, "t": "é\n", "m": 7},
    ]
    Path("rows.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    assert source.read({"all": ["rows.jsonl"]}, ReaderOptions()).to_pydict() == {
        "b": [1, 0, None, None],
        "n": [1.0, 2.5, None, pytest.approx(1e20, rel=1e-7)],
        "t": ["2024-01-01", "2024-01-02T00:00:00", None, "é\n"],
        "m": [None, None, None, 7],
    }
    with pytest.raises(
        BadInput, match=r"rows\.jsonl:3: column n \(declared int\): '2\.5' is not a whole number"
    ):
        source.read({"all": ["rows.jsonl"]}, ReaderOptions(types={"n": "int"}))
