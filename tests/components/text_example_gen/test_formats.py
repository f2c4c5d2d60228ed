"""What each format becomes: features, values and places."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.columnar_example_gen import examples as columnar
from components.columnar_example_gen.options import ReaderOptions
from tests.components.text_example_gen.running import figures, records, run, serialized

WORDS = ("river", "stone", "amber", "cloud", "fern", "salt", "lamp", "moss", "wing", "dune")


def sentence(number: int) -> str:
    """A text that no other number gives."""
    return " ".join(WORDS[int(digit)] for digit in f"{number:03d}") + f" {number}"


def everything(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [example for split in found.values() for example in split]


def write_table(path: Path, count: int = 60) -> Path:
    rows = [f"{i},{i / 4},{'ab'[i % 2]},{sentence(i)}\n" for i in range(count)]
    path.write_text("number,share,label,text\n" + "".join(rows))
    return path


def test_columns_beside_the_text_are_those_of_columnar_example_gen(tmp_path: Path) -> None:
    path = write_table(tmp_path / "rows.csv")
    path.write_text(path.read_text() + ",,a,the last one\n")
    options = {"labels": ["label"], "task": "binary", "types": {"share": "text"}}
    ours = serialized(run(path, tmp_path / "out", **options))
    theirs = columnar.build(
        {"all": [str(path)]}, ReaderOptions(**options), {"train": 7, "valid": 1, "eval": 2}
    )
    stock = [record for split in theirs.splits for record in theirs.records(split)]
    assert sorted(record for split in ours.values() for record in split) == sorted(stock)
    assert {name: len(stored) for name, stored in ours.items()} == {"train": 35, "valid": 10, "eval": 16}


@pytest.mark.parametrize(
    "name", ["rows.tsv", "rows.csv.gz", "rows.csv.zst", "rows.jsonl", "rows.jsonl.gz", "bom.csv"]
)
def test_all_spellings_of_a_table_give_the_same_examples(tmp_path: Path, name: str) -> None:
    expected = serialized(run(write_table(tmp_path / "plain.csv"), tmp_path / "plain", labels=["label"]))
    content = (tmp_path / "plain.csv").read_text()
    header, *rows = (line.split(",") for line in content.splitlines())
    if ".tsv" in name:
        content = content.replace(",", "\t")
    if ".jsonl" in name:
        objects = [
            {"number": int(row[0]), "share": float(row[1]), **dict(zip(header[2:], row[2:], strict=True))}
            for row in rows
        ]
        content = "".join(json.dumps(one) + "\n" for one in objects)
    packed = content.encode()
    if name == "bom.csv":
        packed = b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()
    if name.endswith(".gz"):
        packed = gzip.compress(packed)
    if name.endswith(".zst"):
        packed = pa.compress(packed, codec="zstd", asbytes=True)
    (tmp_path / name).write_bytes(packed)
    assert serialized(run(tmp_path / name, tmp_path / "out", labels=["label"])) == expected


def test_json_texts_stay_text_and_numbers_numbers(tmp_path: Path) -> None:
    rows = [
        {"text": sentence(i), "code": f"{i:03d}", "good": i % 2 == 0, "size": i or None} for i in range(40)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = {example["text"][0]: example for example in everything(records(run(path, tmp_path / "out")))}
    assert found[sentence(7)] == {"text": [sentence(7)], "code": ["007"], "good": ["false"], "size": [7]}
    assert found[sentence(0)]["size"] == []


def test_folders(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / "data" / ("ham", "spam")[number % 2] / f"{number % 3}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sentence(number).encode() + b"\r\nsecond line")
    (tmp_path / "data" / "spam" / "notes.md").write_text("no text of the set")
    examples = run(tmp_path / "data", tmp_path / "out", text="folders", labels=["kind"], task="binary")
    found = {example["file_name"][0]: example for example in everything(records(examples))}
    assert len(found) == 40
    assert found["spam/1/7.txt"] == {
        "text": [sentence(7) + "\nsecond line"],
        "kind": ["spam"],
        "file_name": ["spam/1/7.txt"],
    }
    files = json.loads(examples.get_string_custom_property("input_files"))
    assert [(file["file"], file["rows"]) for file in files] == [("ham", 20), ("spam", 20)]


def test_windows_end_to_end_are_the_text(tmp_path: Path) -> None:
    text = "".join(f"{sentence(i)}.{' ' if i % 4 else chr(10)}" for i in range(300)) + "".join(
        chr(0x4E00 + i) for i in range(250)
    )
    (tmp_path / "book.txt").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "other.txt").write_text("A short one with a few words.")
    options: dict[str, Any] = {"text": "windows", "task": "language_model", "window": 100}
    examples = run([tmp_path / "book.txt", tmp_path / "other.txt"], tmp_path / "out", **options)
    found = everything(records(examples))
    book = sorted((e["position"][0], e["text"][0]) for e in found if e["file_name"] == ["book.txt"])
    assert "".join(piece for _, piece in book) == text
    assert all(text[position:].startswith(piece) for position, piece in book)
    assert all(75 <= len(piece) <= 100 for _, piece in book[:-1])
    assert all(piece.endswith((" ", "\n")) for _, piece in book[:-4])
    assert [e["text"] for e in found if e["file_name"] == ["other.txt"]] == [
        ["A short one with a few words."]
    ]


def test_parallel_files_stay_side_by_side(tmp_path: Path) -> None:
    # None of these ends a line: only LF and CR LF do.
    source = [f"{sentence(i)} \x0b\x0c\u2028\x85 {i}" for i in range(50)]
    target = [sentence(i).upper() for i in range(50)]
    (tmp_path / "en.txt").write_bytes("\r\n".join(source).encode())
    (tmp_path / "es.txt").write_bytes("\n".join(target).encode() + b"\n")
    options: dict[str, Any] = {"text": "parallel", "task": "translation", "labels": ["target"]}
    examples = run([tmp_path / "en.txt", tmp_path / "es.txt"], tmp_path / "out", **options)
    found = everything(records(examples))
    assert sorted((e["source"][0], e["target"][0]) for e in found) == sorted(zip(source, target, strict=True))
    files = json.loads(examples.get_string_custom_property("input_files"))
    assert [(f["split"], f["file"], f["rows"]) for f in files] == [
        ("source", "en.txt", 50),
        ("target", "es.txt", 50),
    ]


def test_parallel_texts_in_a_table(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("en,es,book\n" + "".join(f"{sentence(i)},x{sentence(i)},{i % 5}\n" for i in range(50)))
    options: dict[str, Any] = {
        "text": "parallel",
        "columns": ["en", "es"],
        "task": "translation",
        "labels": ["es"],
    }
    found = everything(records(run(path, tmp_path / "out", **options)))
    assert {"en": [sentence(3)], "es": [f"x{sentence(3)}"], "book": [3]} in found
    assert len(found) == 50


def test_conll(tmp_path: Path) -> None:
    lines = ["-DOCSTART- -X- O", ""]
    for number in range(40):
        lines += ["# sent_id = 3", f"Ann{number} NNP B-PER", "# NN O", "sleeps VBZ O", ""]
    (tmp_path / "names.conll").write_text("\n".join(lines))
    options: dict[str, Any] = {"text": "conll", "task": "tagging", "labels": ["tags"]}
    found = everything(records(run(tmp_path / "names.conll", tmp_path / "out", **options)))
    assert len(found) == 40
    assert {"tokens": ["Ann7", "#", "sleeps"], "tags": ["B-PER", "O", "O"]} in found


def test_a_group_is_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "verses.csv"
    path.write_text("text,book,chapter\n" + "".join(f"{sentence(i)},{i % 3},{i // 10}\n" for i in range(400)))
    found = records(run(path, tmp_path / "out", task="language_model", group=["book", "chapter"]))
    chapters = {name: {(e["book"][0], e["chapter"][0]) for e in split} for name, split in found.items()}
    assert sum(map(len, chapters.values())) == len(set().union(*chapters.values())) == 120
    assert sum(map(len, found.values())) == 400


def test_workers_write_what_one_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components import batches
    from components.text_example_gen import spill

    path = write_table(tmp_path / "rows.csv", 200)
    monkeypatch.setattr(spill, "BUCKET_BYTES", 2000)
    here = run(path, tmp_path / "here", labels=["label"], task="binary")
    monkeypatch.setattr(batches, "LOCAL_RUNNERS", ())
    beam = run(path, tmp_path / "beam", labels=["label"], task="binary")
    assert serialized(here) == serialized(beam)
    assert figures(here) == figures(beam)
    assert len(list(Path(here.uri, "Split-train").iterdir())) == 4
