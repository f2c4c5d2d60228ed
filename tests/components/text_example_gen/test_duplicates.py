"""Equal texts: found whatever their spelling, dropped before splitting, and never in two splits."""

from __future__ import annotations

import csv
import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from components.text_example_gen.cleaning import normalised
from tests.components.text_example_gen.running import figures, records, run
from tests.components.text_example_gen.test_formats import everything, sentence


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A b", "a\tB"),
        ("a b", "  a \r\n b\u00a0"),
        ("Straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAF\u00c9", "cafe\u0301"),
        ("ΣΑΣ", "σας"),
    ],
)
def test_what_is_equal(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_what_is_not_equal() -> None:
    assert len({normalised(text) for text in ("ab", "a b", "á b", "a. b", "a b 2")}) == 5


def disguised(text: str, chance: random.Random) -> str:
    """The same text in another spelling."""
    text = chance.choice([text, text.upper(), text.title()])
    text = chance.choice([unicodedata.normalize("NFD", text), text])
    return chance.choice([" ", ""]) + text.replace(" ", chance.choice([" ", "\n", "  ", "\u2003"]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_no_text_is_in_two_splits(tmp_path: Path, seed: int, duplicates: str) -> None:
    chance = random.Random(seed)
    texts = [f"é {sentence(i)}" for i in range(120)]
    rows = [(disguised(text, chance), "ab"[i % 2]) for i, text in enumerate(texts) for _ in range(1 + i % 3)]
    chance.shuffle(rows)
    path = write(tmp_path / "rows.csv", rows)
    examples = run(path, tmp_path / "out", labels=["label"], task="binary", duplicates=duplicates)
    found = {split: [normalised(e["text"][0]) for e in stored] for split, stored in records(examples).items()}
    distinct = {split: set(stored) for split, stored in found.items()}
    assert sum(map(len, distinct.values())) == len(set().union(*distinct.values())) == 120
    assert sum(map(len, found.values())) == (120 if duplicates == "drop" else 240)
    assert figures(examples)["duplicates"] == 120
    assert examples.get_int_custom_property("duplicates") == 120


def test_the_first_of_equal_texts_is_kept(tmp_path: Path) -> None:
    rows = [(sentence(i), "ab"[i % 2]) for i in range(60)] + [(sentence(5).upper(), "b")]
    examples = run(write(tmp_path / "rows.csv", rows), tmp_path / "out", labels=["label"], task="binary")
    texts = [e["text"][0] for e in everything(records(examples))]
    assert sentence(5) in texts
    assert sentence(5).upper() not in texts


def test_contradicting_labels_are_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(sentence(i), "ab"[i % 2]) for i in range(60)] + [(sentence(5), "a")]
    path = write(tmp_path / "rows.csv", rows)
    options: dict[str, Any] = {"labels": ["label"], "task": "binary"}
    with caplog.at_level("INFO"):
        examples = run(path, tmp_path / "out", **options)
    told = [
        "61 texts; 2 with contradicting labels left out; train 33, valid 10, eval 16",
        f"contradicting labels: {path}:7 is b, and the same text at {path}:62 a",
    ]
    assert json.loads(examples.get_string_custom_property("warnings")) == told
    assert all(f"Texts: {line}" in caplog.text for line in told)
    assert sentence(5) not in [e["text"][0] for e in everything(records(examples))]
    assert (figures(examples)["contradicting"], figures(examples)["duplicates"]) == (2, 0)
    kept = run(path, tmp_path / "kept", duplicates="keep", **options)
    assert len(everything(records(kept))) == 61


def test_labels_that_contradict_each_other_too_often_end_the_run(tmp_path: Path) -> None:
    rows = [(sentence(i % 57), "ab"[i // 57]) for i in range(60)]
    path = write(tmp_path / "rows.csv", rows)
    with pytest.raises(BadInput) as caught:
        run(path, tmp_path / "out", labels=["label"], task="binary")
    assert str(caught.value) == (
        f"{path}: 6 of 60 texts stand there again with another label, for example {path}:2 (a) and {path}:59 (b);"
        " mend the labels"
    )


def test_a_source_with_two_targets_is_no_duplicate_but_in_one_split(tmp_path: Path) -> None:
    rows = [(sentence(i // 2), f"{i} x") for i in range(100)] + [(sentence(0), "0 X")]
    path = write(tmp_path / "rows.csv", rows)
    found = records(run(path, tmp_path / "out", labels=["label"], task="translation"))
    sources = {split: {e["text"][0] for e in stored} for split, stored in found.items()}
    assert sum(map(len, sources.values())) == 50
    assert len(everything(found)) == 100


def test_tokens_may_be_tagged_in_two_ways(tmp_path: Path) -> None:
    sentences = [f"{sentence(i)} {tag}".split() for i in range(40) for tag in ("A", "B", "A")]
    path = tmp_path / "names.conll"
    path.write_text("\n\n".join(f"{one[0]} {one[-1]}\n{one[-2]} O" for one in sentences))
    examples = run(path, tmp_path / "out", text="conll", labels=["tags"], task="tagging")
    found = {split: [tuple(e["tokens"]) for e in stored] for split, stored in records(examples).items()}
    assert sum(map(len, found.values())) == 80
    assert sum(len(set(stored)) for stored in found.values()) == 40
    assert (figures(examples)["contradicting"], figures(examples)["duplicates"]) == (120, 40)
