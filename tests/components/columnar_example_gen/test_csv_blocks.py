"""Blocks of a CSV file end where a record does, and together are the file."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

import pyarrow as pa
import pytest

from common.errors import BadInput
from components.columnar_example_gen import column_types, csv_reader, source
from components.columnar_example_gen.options import ReaderOptions

OPTIONS = ReaderOptions()
FIELDS = [
    "",
    "1",
    "x",
    '""',
    '"a,b"',
    '"line\nend"',
    '"say ""hi"""',
    '"\n\n"',
    '5" nail',
    'a"b"c',
    '"q"tail',
    "é☃",
]


def blocks(path: Path, size: int, options: ReaderOptions = OPTIONS) -> tuple[list[bytes], str]:
    found, reading = [], csv_reader.blocks(str(path), options, size)
    while True:
        try:
            found.append(next(reading))
        except StopIteration as end:
            return found, end.value


def table(pieces: list[bytes], names: list[str]) -> list[dict[str, str | None]]:
    parsed = [
        csv_reader.parse("rows.csv", piece, names, names, {}, OPTIONS, number == 0)
        for number, piece in enumerate(pieces)
    ]
    return pa.concat_tables(parsed).to_pylist()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_blocks_of_any_size_are_the_rows_of_the_whole(tmp_path: Path, ending: str) -> None:
    draw = random.Random(ending)
    rows = [",".join(draw.choice(FIELDS) for _ in range(3)) for _ in range(300)]
    path = tmp_path / "rows.csv"
    path.write_bytes(ending.join(["a,b,c", *rows]).encode())
    whole = table([path.read_bytes()], ["a", "b", "c"])
    for size in (16, 33, 100, 1000, 10**6):
        pieces, digest = blocks(path, size)
        assert b"".join(pieces) == path.read_bytes()
        assert table(pieces, ["a", "b", "c"]) == whole
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(blocks(path, 100)[0]) > 20


def test_a_packed_file_is_cut_alike(tmp_path: Path) -> None:
    content = "a,b\n" + "".join(f'{i},"t\n{i}"\n' for i in range(500))
    plain, packed = tmp_path / "rows.csv", tmp_path / "rows.csv.gz"
    plain.write_bytes(b"\xef\xbb\xbf" + content.encode())
    packed.write_bytes(gzip.compress(content.encode()))
    assert blocks(plain, 512)[0] == blocks(packed, 512)[0]
    assert blocks(packed, 512)[1] == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_where_the_last_record_ends() -> None:
    for block, end in {
        b"a,b\nc": 4,
        b'a,"b\nc': 0,
        b'a,b\n"c\n': 4,
        b'a,"b\n"\nc': 7,
        b'5" nail,x\n"a\n': 10,
        b'5" nail,"x\ny"\n6" nail,z\n"': 24,
        b"": 0,
        b"no end": 0,
    }.items():
        assert csv_reader.boundary(block, ",") == end, block


def test_a_quote_that_is_never_closed_ends_in_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_reader, "_LONGEST_ROW", 1 << 12)
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,2\n3,"4\n' + "5,6\n" * 5000)
    with pytest.raises(BadInput, match=r'rows\.csv:3: a quote \("\) is opened and never closed; close it'):
        blocks(path, 64)


def test_numbers_are_read_as_such_where_the_whole_block_allows_it() -> None:
    names, kinds = ["i", "f"], {"i": "int", "f": "float"}

    def types(rows: str) -> list[pa.DataType]:
        return csv_reader.parse("rows.csv", rows.encode(), names, names, kinds, OPTIONS, False).schema.types

    assert types("1,2.5\n,\n 3 ,4\n") == [pa.int64(), pa.float64()]
    for odd in (
        "0x1F,1\n",
        "1.5,1\n",
        "1,nan\n",
        "1,inf\n",
        "1,1e30\n",
        "1,9223372036854775808\n",
        "1_0,2\n",
    ):
        assert types("1,2\n" + odd) == [pa.string(), pa.string()], odd


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "2", "3", "4.5"], pa.float32()),
        (["", "", "", "7"], pa.int64()),
        (["1", "2", "x", "y"], pa.string()),
        (["x", "1", "2", "3"], pa.string()),
        (["1", "+2", " 3", "4"], pa.int64()),
        (["1.5", "2", "1e30", "3"], pa.float32()),
    ],
)
def test_later_rows_change_the_type_of_the_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[str], expected: pa.DataType
) -> None:
    """The first block alone is looked at beforehand."""
    monkeypatch.setattr("components.columnar_example_gen.tables._FIRST_LOOK", 24)
    monkeypatch.setattr(csv_reader.blocks, "__defaults__", (24, 0, None))
    path = tmp_path / "rows.csv"
    texts = [value for value in values for _ in range(10)]
    path.write_text("name,value\n" + "".join(f"row,{text}\n" for text in texts))
    column = source.read({"all": [str(path)]}, OPTIONS).column("value")
    whole = pa.chunked_array([pa.array([text or None for text in texts], pa.string())])
    assert column.type == expected
    assert column.to_pylist() == column_types.convert(whole, str(column_types.infer(whole))).to_pylist()


def test_a_few_texts_among_the_numbers_of_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_reader.blocks, "__defaults__", (64, 0, None))
    path = tmp_path / "rows.csv"
    path.write_text("name,value\n" + "".join(f"row,{'n/k' if i == 150 else i}\n" for i in range(200)))
    with pytest.raises(
        BadInput, match=r"rows\.csv:152: column value \(otherwise numeric\): 'n/k' is not a number"
    ):
        source.read({"all": [str(path)]}, OPTIONS)
