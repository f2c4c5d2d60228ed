"""Every mistake in the files of texts ends in one line that names the place and the mend."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import metadata
from pipeline.home import Home
from tests.end_to_end.project import mlpipe

CLASSES = ("good", "bad")
SENTENCES = [f"the {number} film is {CLASSES[number % 2]} indeed" for number in range(60)]
TABLE = "text,label\n" + "".join(f"{text},{CLASSES[i % 2]}\n" for i, text in enumerate(SENTENCES))
CONLL = "\n".join(f"Ann B-NAME\nsaw O\nfilm{number} O\n" for number in range(60))
MODULES = {
    "binary": ("text_classifier", "accuracy"),
    "multiclass": ("text_classifier", "accuracy"),
    "tagging": ("sequence_tagger", "entity_f1"),
    "translation": ("sequence_to_sequence", "bleu"),
    "language_model": ("language_model", "perplexity"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(task: str, label: str | None, **data: object) -> str:
    """The one line of `mlpipe run` over such data."""
    module, metric = MODULES[task]
    pipeline: dict[str, Any] = {
        "name": "wrong",
        "task": task,
        "data": data,
        "trainer": {"module": f"trainer_modules.{module}"},
        "evaluation": {"gates": [{"metric": metric, "lower": 0.1}]},
    }
    if label:
        pipeline["label"] = label
    if task in ("binary", "multiclass"):
        pipeline["trainer"]["model"] = {"architecture": "average"}
    Path("wrong.yaml").write_text(yaml.safe_dump(pipeline))
    home = Home(Path("home").absolute())
    result = mlpipe("run", "wrong.yaml", "--home", str(home.root))
    assert result.code == 2, (result.out, result.err)
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.out
    assert not home.serving("wrong").exists()
    if home.metadata.exists():
        store = metadata.open_store(home)
        assert not [e for e in store.get_executions() if e.last_known_state == e.RUNNING]
    return result.err.removeprefix("mlpipe: ").rstrip("\n").replace(f"{Path.cwd()}/", "")


def line(number: int, text: str) -> str:
    lines = TABLE.splitlines()
    lines[number - 1] = text
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line(3, "caf\xe9 film,good").encode("latin1"), "rows.csv:3: byte 0xe9 at offset "),
        (
            line(4, ",good").encode(),
            "rows.csv:4: text is empty; give it text, or leave such texts out with data.empty: skip",
        ),
        (
            line(5, '"   ",bad').encode(),
            "rows.csv:5: text is empty; give it text, or leave such texts out with data.empty: skip",
        ),
        (
            line(6, "x" * 5_000_000 + ",bad").encode(),
            "rows.csv:6: text has 5,000,000 characters, more than data.max_chars: 100,000; raise data.max_chars, set "
            "data.on_long: cut or skip, ",
        ),
        (b"", "rows.csv: the file is empty"),
        (b"\n\n", "rows.csv: the file is empty; it needs a header line and rows"),
        (b"text,label\n", "rows.csv: there is no row in it; add rows"),
        (
            TABLE.replace("text", "review", 1).encode(),
            "rows.csv:1: no column 'text' (data.text_columns); the columns are",
        ),
        (TABLE.replace("label", "lable", 1).encode(), "rows.csv:1: no column 'label' (the label)"),
        (
            bytes(range(256)) * 40,
            "rows.csv:2: byte 0x80 at offset 128, among other bytes that stand in no text: ",
        ),
        (
            b"\x89PNG\r\n\x1a\n" + bytes(range(255, -1, -1)) * 9,
            "rows.csv:1: byte 0x89 at offset 0, among other",
        ),
        (b"\x00" * 4096, "rows.csv:1: byte 0x00 at offset 0, among other bytes that stand in no text: "),
        (
            line(7, "a film").encode(),
            "rows.csv:7: too few fields: 1 for 2 columns ('a film'); mend the row, ",
        ),
        (line(7, "a film,").encode(), "rows.csv:7: label label is missing"),
        (TABLE.replace(",bad", ",good").encode(), "rows.csv: label label has one class only, 'good'"),
        (TABLE.encode("utf-16"), "rows.csv:1: byte 0xff at offset 0 is not UTF-8; it looks like utf-16: "),
    ],
)
def test_tables(content: bytes, message: str, folder: Path) -> None:
    Path("rows.csv").write_bytes(content)
    assert said("binary", "label", text="table", path="rows.csv").startswith(message)


def test_a_label_that_train_never_saw(folder: Path) -> None:
    Path("rows.csv").write_text(TABLE + "a text of its own,odd\nand one more,odd\n")
    splits = {"train": 1, "valid": 1, "eval": 8}
    assert re.match(
        r"rows\.csv:62: label label: 'odd' is in split \w+ \(\d texts?\) but not in train; give train texts with it",
        said("multiclass", "label", text="table", path="rows.csv", splits=splits),
    )


def test_folders(folder: Path) -> None:
    for number in range(20):
        path = Path("mails") / "spam" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mail number {number}")
    assert "one class" in said("binary", "label", text="folders", path="mails")
    Path("mails/ham").mkdir()
    assert said("binary", "label", text="folders", path="mails").startswith(
        "mails/ham: the class folder holds no text"
    )
    Path("mails/ham/1.txt").write_bytes(b"caf\xe9")
    assert said("binary", "label", text="folders", path="mails").startswith(
        "mails/ham/1.txt:1: byte 0xe9 at offset 3 is not UTF-8"
    )
    Path("mails/ham/1.txt").write_bytes(b"")
    assert said("binary", "label", text="folders", path="mails").startswith("mails/ham/1.txt: text is empty")


def test_parallel_files(folder: Path) -> None:
    Path("a.en").write_text("".join(f"sentence {i}\n" for i in range(40)))
    Path("a.es").write_text("".join(f"frase {i}\n" for i in range(39)))
    found = said("translation", "target", text="parallel", path=["a.en", "a.es"])
    assert found.startswith("a.en has 40 lines and a.es 39; ")
    Path("a.es").write_text("")
    found = said("translation", "target", text="parallel", path=["a.en", "a.es"])
    assert found.startswith("a.en has 40 lines and a.es 0; mend a.es, ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONLL.replace("saw O", "saw", 1), "names.conll:2: too few columns: 1"),
        (CONLL.replace("Ann B-NAME", "Ann NNP B-NAME", 1), "names.conll:2: too few columns: 2"),
        ("", "names.conll: there is no token in it; add lines of a token and its tag"),
        ("\n\n\n", "names.conll: there is no token in it"),
    ],
)
def test_tags(content: str, message: str, folder: Path) -> None:
    Path("names.conll").write_text(content)
    assert said("tagging", "tags", text="conll", path="names.conll").startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "book.txt: the file is empty; give it text, or take it out"),
        (b" \n\n ", "book.txt: the file is empty; give it text, or take it out"),
        (b"a line\nna\xefve " + b"words and more words " * 200, "book.txt:2: byte 0xef at offset "),
        (bytes(range(128, 256)) * 300, "book.txt:1: byte 0x80 at offset 0 is not UTF-8"),
        (b"too short", "book.txt: split valid got none of the 1 texts; give more texts, "),
    ],
)
def test_long_texts(content: bytes, message: str, folder: Path) -> None:
    Path("book.txt").write_bytes(content)
    assert said("language_model", None, text="windows", path="book.txt").startswith(message)


def test_no_file(folder: Path) -> None:
    Path("book.text").write_text("a")
    found = said("language_model", None, text="windows", path="book.txt")
    assert found.startswith("book.txt: no such file or folder; nearest in ")
    assert "book.text" in found
