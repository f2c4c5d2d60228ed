"""Every mistake in the texts ends in one line that names file, line, value and mend."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from common.errors import BadInput
from components.text_example_gen.options import TextOptions
from tests.components.text_example_gen.running import figures, records, run
from tests.components.text_example_gen.test_formats import everything, sentence

GOOD = "label,text\n" + "".join(f"{'ab'[i % 2]},{sentence(i)}\n" for i in range(60))
CLASSES: dict[str, Any] = {"task": "binary", "labels": ["label"]}
PAIRS: dict[str, Any] = {"text": "parallel", "task": "translation", "labels": ["target"]}
TAGS: dict[str, Any] = {"text": "conll", "task": "tagging", "labels": ["tags"]}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, content: str | bytes) -> Path:
    path = Path(name).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def said(path: Path | list[Path], **reader: Any) -> str:
    """What the reader says; the folder in front of names is cut off."""
    with pytest.raises(BadInput) as caught:
        run(path, Path("out").absolute(), **{**CLASSES, **reader})
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{Path.cwd()}/", "")


def line_at(number: int, line: str) -> str:
    """GOOD with another text on one of its lines (from 1)."""
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def test_the_good_file_is_read() -> None:
    assert len(everything(records(run(write("rows.csv", GOOD), Path("out").absolute(), **CLASSES)))) == 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            line_at(3, "a,caf\u00e9 late").encode("latin1"),
            "rows.csv:3: byte 0xe9 at offset 38 is not UTF-8; it looks like latin1: iconv -f latin1 -t utf-8 rows.csv,"
            " into a new file",
        ),
        (
            line_at(3, "a,\u201ccaf\u00e9\u201d").encode("windows-1252"),
            "rows.csv:3: byte 0x93 at offset 35 is not UTF-8; it looks like windows-1252: iconv -f windows-1252 -t utf-8"
            " rows.csv, into a new file",
        ),
        (
            line_at(3, "a,\u043f\u0440\u0438\u0432\u0435\u0442 " + "\u043c\u0438\u0440 " * 900).encode(
                "windows-1251"
            ),
            "rows.csv:3: byte 0xef at offset 35 is not UTF-8; it looks like windows-1251: iconv -f windows-1251 -t utf-8"
            " rows.csv, into a new file",
        ),
        (
            GOOD.encode("utf-16"),
            "rows.csv:1: byte 0xff at offset 0 is not UTF-8; it looks like utf-16: iconv -f utf-16 -t utf-8 rows.csv,"
            " into a new file",
        ),
        (
            GOOD.encode("utf-16-be"),
            "rows.csv:1: every other byte is 0, the first at offset 0; it looks like utf-16be: iconv -f utf-16be -t utf-8"
            " rows.csv, into a new file",
        ),
        (
            line_at(3, "a,\ud83d").encode("utf-8", "surrogatepass"),
            "rows.csv:3: byte 0xed at offset 35 is not UTF-8: half of a surrogate pair, as old programs write emoji; save"
            " the file anew as UTF-8, or leave such bytes out: iconv -c -f utf-8 -t utf-8 rows.csv",
        ),
        ("", "rows.csv: the file is empty; it needs a header line and rows"),
        ("label,text\n", "rows.csv: there is no row in it; add rows"),
        (
            GOOD.replace("text", "review", 1),
            "rows.csv:1: no column 'text' (data.text_columns); the columns are label, review",
        ),
        (
            line_at(4, "a,"),
            "rows.csv:4: text is empty; give it text, or leave such texts out with data.empty: skip",
        ),
        (
            GOOD + 'a,"\n"\n',
            "rows.csv:62: text is empty; give it text, or leave such texts out with data.empty: skip",
        ),
        (line_at(5, ",a text"), "rows.csv:5: label label is missing; give it a value or take the row out"),
        (
            GOOD + ",one\n,two\n",
            "rows.csv:62: label label is missing (2 such texts); give it a value or take the row out",
        ),
        (
            line_at(6, "a,one, two"),
            "rows.csv:6: too many fields: 3 for 2 columns ('a,one, two'); mend the row, or quote fields that hold a ','",
        ),
        (line_at(6, 'a,"one'), 'rows.csv:6: a quote (") is opened and never closed; close it'),
        (
            line_at(7, "c,another"),
            "rows.csv: label label has 3 classes (a, b, c); task: binary needs two, or set task: multiclass",
        ),
        (
            GOOD.replace("\nb,", "\na,"),
            "rows.csv: label label has one class only, 'a'; a classifier needs at least two",
        ),
        (
            GOOD.replace("\nb,", "\na,") + "b,another\n",
            "rows.csv:62: label label: class 'b' occurs once only; a class needs texts to train on and texts to evaluate"
            " on: mend the value, or take the text out",
        ),
        (
            "label,text\na,one\nb,two\na,three\nb,four\n",
            "rows.csv: split valid got none of the 4 texts; give more texts, or more to valid under data.splits",
        ),
    ],
)
def test_tables(content: str | bytes, message: str) -> None:
    assert said(write("rows.csv", content)) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"text": "a"',
            "rows.jsonl:3: not JSON: Expecting ',' delimiter at column 13 ('{\"text\": \"a\"'); mend the line",
        ),
        ('["a"]', "rows.jsonl:3: '[\"a\"]' is no object; write {...} on each line"),
        (
            '{"text": "a", "labels": "b"}',
            "rows.jsonl:3: key 'labels' is not in the first object (text, label); give the first one all keys, with null"
            " where there is no value",
        ),
        (
            '{"text": ["a"], "label": "b"}',
            "rows.jsonl:3: text is a list; a column holds one text or number: take it apart, or list text under data.drop",
        ),
        (
            '{"text": "\\ud83d", "label": "b"}',
            "rows.jsonl:3: text: \\ud83d is half of a surrogate pair; write both halves, or take it out",
        ),
        ('{"text": "a"}', "rows.jsonl:3: label label is missing; give it a value or take the row out"),
    ],
)
def test_json_lines(line: str, message: str) -> None:
    rows = [json.dumps({"text": sentence(i), "label": "ab"[i % 2]}) for i in range(60)]
    assert said(write("rows.jsonl", "\n".join([rows[0], "", line, *rows[1:]]))) == message


def test_packed_files_that_are_cut_off() -> None:
    for name, packed, kind in (
        ("a.csv.gz", gzip.compress(GOOD.encode()), "gzip"),
        ("a.csv.zst", pa.compress(GOOD.encode(), codec="zstd", asbytes=True), "zstd"),
    ):
        assert said(write(name, packed[:-9])) == f"{name}: the {kind} file is cut off; copy it again"
        assert said(write(name, GOOD)).startswith(f"{name}: not a readable {kind} file (")


def test_one_text_of_five_megabytes() -> None:
    path = write("rows.csv", line_at(9, "a," + "word " * 2**20))
    assert said(path) == (
        "rows.csv:9: text has 5,242,880 characters, more than data.max_chars: 100,000; raise data.max_chars, set"
        " data.on_long: cut or skip, or cut long texts into pieces with text: windows"
    )
    skipped = run(path, Path("skipped").absolute(), on_long="skip", **CLASSES)
    assert len(everything(records(skipped))) == 59
    assert skipped.get_int_custom_property("long_texts") == 1
    cut = run(path, Path("cut").absolute(), on_long="cut", max_chars=1000, **CLASSES)
    assert max(len(e["text"][0]) for e in everything(records(cut))) == 1000
    assert figures(cut)["columns"]["text"]["lengths"]["train"]["characters"]["max"] <= 1000


def test_empty_texts_may_be_left_out_and_nul_is_a_space(caplog: pytest.LogCaptureFixture) -> None:
    path = write("rows.csv", line_at(4, "a,").replace(sentence(7), "nul\0in it") + 'b," "\n')
    with caplog.at_level("INFO"):
        examples = run(path, Path("out").absolute(), empty="skip", **CLASSES)
    assert "Texts: 61 texts; 2 empty left out; train" in caplog.text
    texts = [e["text"][0] for e in everything(records(examples))]
    assert len(texts) == 59
    assert "nul in it" in texts


def test_a_label_that_train_has_not_seen() -> None:
    rows = [f"{'ab'[i % 2]},{i % 20},{sentence(i)}\n" for i in range(140)]
    rows += [f"c,23,{sentence(500 + i)}\n" for i in range(4)]
    path = write("rows.csv", "label,chapter,text\n" + "".join(rows))
    message = said(path, task="multiclass", group=["chapter"], splits={"train": 1, "valid": 1, "eval": 1})
    assert message == (
        "rows.csv:142: label label: 'c' is in split eval (4 texts) but not in train; give train texts with it, or take"
        " these out"
    )


def write_pairs(source: list[str], target: list[str]) -> list[Path]:
    return [write("en.txt", "\n".join(source) + "\n"), write("es.txt", "\n".join(target) + "\n")]


def test_a_parallel_file_that_is_one_line_short() -> None:
    source = [" ".join([sentence(i)] * (1 + i * 7 % 13)) for i in range(200)]
    target = [line.upper() + "!" for line in source]
    assert said(write_pairs(source, target[:80] + target[81:]), **PAIRS) == (
        "en.txt has 200 lines and es.txt 199; by their lengths the lines part near line 81; mend es.txt, or put an empty"
        " line where one is missing (data.empty: skip leaves the pair out)"
    )
    assert "by their lengths the lines part near line 31; mend en.txt" in said(
        write_pairs(source[:30] + source[32:], target), **PAIRS
    )
    assert said(write_pairs(source, []), **PAIRS) == (
        "en.txt has 200 lines and es.txt 1; mend es.txt, or put an empty"
        " line where one is missing (data.empty: skip leaves the pair out)"
    )


def test_parallel_files_that_are_no_pair() -> None:
    source = [sentence(i) for i in range(60)]
    paths = write_pairs(source, source)
    assert said([*paths, paths[0]], **PAIRS) == (
        "data.path: text: parallel reads a source file and a target file, or tables; got 3 paths: name two, source first"
    )
    gap = write_pairs(source, [*source[:20], " ", *source[21:]])
    assert said(gap, **PAIRS) == (
        "en.txt:21 (and es.txt:21): target is empty; give it text, or leave such texts out with data.empty: skip"
    )
    assert said(paths, group=["book"], **PAIRS) == (
        "data.group: text: parallel gives no column 'book'; it gives source, target"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "Ann B-PER",
            "names.conll:3: too few columns: 2, the lines above have 3, separated by spaces ('Ann B-PER'); mend the line",
        ),
        (
            "Ann  NNP B-PER O",
            "names.conll:3: too many columns: 4, the lines above have 3, separated by spaces ('Ann  NNP B-PER O'); mend the"
            " line",
        ),
    ],
)
def test_a_tag_file_with_a_broken_column(line: str, message: str) -> None:
    good = "Bob NNP B-PER\nsleeps VBZ O\n"
    assert said(write("names.conll", good + line + "\n\n" + good * 3), **TAGS) == message


def test_a_tag_file_without_tags_or_with_an_empty_one() -> None:
    assert said(write("names.conll", "\nBob\n"), **TAGS) == (
        "names.conll:2: one column only, 'Bob'; a line needs a token and its tag, with a space or a tab between them"
    )
    assert said(write("names.conll", "Bob\tB-PER\nsleeps\t\n"), **TAGS) == (
        "names.conll:2: column 2 is empty ('sleeps\\t'); fill it in"
    )
    assert said(write("names.conll", "\n\n"), **TAGS) == (
        "names.conll: there is no token in it; add lines of a token and its tag"
    )


def test_folders() -> None:
    options: dict[str, Any] = {"text": "folders"}
    write("data/spam/1.txt", "text")
    Path("data/ham").mkdir()
    assert said(Path("data").absolute(), **options) == (
        "data/ham: the class folder holds no text (.txt, .txt.gz, .txt.zst); add texts, or take the folder out"
    )
    write("data/ham/a/1.txt", " \n")
    assert said(Path("data").absolute(), **options) == (
        "data/ham/a/1.txt: text is empty; give it text, or leave such texts out with data.empty: skip"
    )
    write("data/ham/a/1.txt", b"two\nol\xe9")
    assert said(Path("data").absolute(), **options).startswith(
        "data/ham/a/1.txt:2: byte 0xe9 at offset 6 is not UTF-8; it looks like latin1"
    )
    write("data/read.txt", "me")
    assert said(Path("data").absolute(), **options) == (
        "data/read.txt: lies beside the class folders; move it into the folder of its class"
    )
    assert said(Path("dat").absolute(), **options) == (
        f"dat: no such file or folder; nearest in {Path.cwd()}: data"
    )
    Path("none/.hidden").mkdir(parents=True)
    assert said(Path("none").absolute(), **options) == (
        "none: there is no class folder in it; put the texts of each class into a folder"
    )
    write("none/read.txt", "me")
    assert said(Path("none").absolute(), **options) == (
        "none: there is no class folder in it; put the texts of each class into a folder, and give the folder that these"
        " lie in"
    )


def test_an_empty_long_file() -> None:
    options: dict[str, Any] = {"text": "windows", "task": "language_model", "labels": []}
    assert said(write("book.txt", " \n\n"), **options) == (
        "book.txt: the file is empty; give it text, or take it out"
    )
    assert said(write("book.txt", "only a line"), **options).startswith(
        "book.txt: split train got none of the 1 texts; give more texts"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"text": "tables"},
            "data.text: 'tables' is no choice; give one of table, folders, windows, parallel, conll",
        ),
        ({"text": "table", "window": 1}, "data.window: 1 is below 2; give characters"),
        (
            {"text": "windows", "labels": ["x"]},
            "label: text: windows gives texts without a label, not x; set task: language_model",
        ),
        (
            {"text": "folders", "labels": ["x", "y"]},
            "label: text: folders gives one label, not x, y; name one",
        ),
        (
            {"text": "folders", "labels": ["x"], "task": "regression"},
            "task: text: folders gives classes, not numbers; put the texts in a table (text: table), or set task:"
            " multiclass",
        ),
        (
            {"text": "table", "labels": ["x"], "task": "tagging"},
            "task: tagging with text: table; tagging is what text: conll is read for; mend one of them",
        ),
        (
            {"text": "parallel", "labels": ["spanish"], "task": "translation"},
            "label: task translation takes one text and its label, or a source and a target, of which the target is the"
            " label; got texts source, target, spanish and label spanish",
        ),
        (
            {"text": "table", "labels": ["text"], "task": "binary"},
            "label: text is a text; take it out of data.text_columns",
        ),
        (
            {"text": "table", "drop": ["text"]},
            "data.drop: text is in use as a text or a group; take it out of the list",
        ),
    ],
)
def test_options_that_are_not_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        TextOptions(**options)
    assert str(caught.value) == message


def test_what_is_wrong_with_the_set_names_the_folder() -> None:
    for number in range(9):
        write(f"data/ham/{number}.txt", sentence(number))
    Path("data/ham/again").symlink_to(Path("data/ham").absolute())
    assert said(Path("data").absolute(), text="folders") == (
        "data: label label has one class only, 'ham'; a classifier needs at least two"
    )


def test_a_row_of_twenty_megabytes() -> None:
    text = "x " * 10_000_000
    assert said(write("rows.csv", GOOD + f"a,{text}\n")) == (
        "rows.csv:62: the row has 20,000,001 bytes; of a CSV rows up to 8,388,608 are read: cut the text into pieces, or"
        " write JSON lines (.jsonl)"
    )
    rows = [{"label": "ab"[i % 2], "text": sentence(i) if i else text} for i in range(60)]
    path = write("rows.jsonl", "\n".join(map(json.dumps, rows)))
    assert said(path).startswith("rows.jsonl:1: text has 20,000,000 characters, more than data.max_chars")


def test_an_unclosed_quote_that_swallows_the_file() -> None:
    path = write("rows.csv", line_at(3, 'a,"never closed') + "a,x\n" * 5_000_000)
    assert said(path) == 'rows.csv:3: a quote (") is opened and never closed; close it'
