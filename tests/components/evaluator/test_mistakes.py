"""The worst mistakes: which are kept, and the files that are written."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import tensorflow as tf

from components.evaluator import mistakes
from components.evaluator.mistakes import Mistake, Worst

PNG = b"\x89PNG\r\n\x1a\n and more"
Feature = bytes | float | int | list[int]
NAMES = ["coat", "T-shirt/top", "../../etc/passwd", "Größe 2", "毛衣", "x" * 300]


def example(**features: Feature) -> bytes:
    made = tf.train.Example()
    for name, value in features.items():
        feature = made.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.extend(value if isinstance(value, list) else [value])
    return made.SerializeToString(deterministic=True)


def kept(most: int, weights: list[float]) -> list[float]:
    worst = Worst(most)
    for weight in weights:
        if worst.asks_for(weight):
            worst.add(Mistake(weight, b""))
    return [mistake.weight for mistake in worst]


def test_the_largest_are_kept_whatever_their_order() -> None:
    for order in itertools.permutations([0.1, 0.5, 0.5, 0.7, 0.9]):
        assert kept(3, list(order)) == [0.9, 0.7, 0.5]
    assert kept(9, [0.1, 0.2]) == [0.2, 0.1]
    assert kept(0, [0.9]) == []


def test_equal_ones_are_told_apart_by_their_content() -> None:
    for order in itertools.permutations([b"a", b"b", b"c"]):
        worst = Worst(2)
        for content in order:
            worst.add(Mistake(1.0, content))
        assert [mistake.example for mistake in worst] == [b"c", b"b"]


def test_merged_and_by_output() -> None:
    parts = [Worst(1), Worst(1)]
    for part, weight, output in ((0, 3.0, "fat"), (1, 4.0, "fat"), (0, 1.0, "water")):
        parts[part].add(Mistake(weight, b"", output))
    merged = Worst(1).merge(parts)
    assert [(mistake.output, mistake.weight) for mistake in merged] == [("fat", 4.0), ("water", 1.0)]


def written(folder: Path, *found: Mistake, names: list[str] | None = NAMES) -> list[dict[str, object]]:
    worst = Worst(200)
    for mistake in found:
        worst.add(mistake)
    mistakes.write(folder, worst, names)
    return json.loads((folder / "mistakes.json").read_text(encoding="utf-8"))


def test_rows_say_what_was_taken_for_what(tmp_path: Path) -> None:
    features: dict[str, Feature] = {
        "image": PNG,
        "file_name": "ä/1.png".encode(),
        "size": 64,
        "pair": [1, 2],
        "bad": b"\xff\xfe",
    }
    rows = written(
        tmp_path / "mistakes",
        Mistake(0.75, example(file_name=b"2.png", score=float("nan")), "", 1, 0, 0.25),
        Mistake(0.875, example(**features), "", -1, 4, None),
    )
    assert rows == [
        {
            "rank": 1,
            "true": None,
            "predicted": "毛衣",
            "confidence": 0.875,
            "score_of_true": None,
            "features": {"bad": "2 bytes", "file_name": "ä/1.png", "pair": [1, 2], "size": 64},
            "files": ["01_true-unknown_predicted-class-4.png"],
        },
        {
            "rank": 2,
            "true": "T-shirt/top",
            "predicted": "coat",
            "confidence": 0.75,
            "score_of_true": 0.25,
            "features": {"file_name": "2.png", "score": None},
        },
    ]
    assert (tmp_path / "mistakes" / "01_true-unknown_predicted-class-4.png").read_bytes() == PNG


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (0, "coat"),
        (1, "t-shirt-top"),
        (2, "etc-passwd"),
        (3, "groe-2"),
        (4, "class-4"),
        (5, "x" * 40),
    ],
)
def test_file_names_are_safe(tmp_path: Path, name: int, part: str) -> None:
    written(tmp_path / "mistakes", Mistake(0.5, example(image=PNG), "", name, 0))
    assert sorted(file.name for file in (tmp_path / "mistakes").iterdir()) == [
        f"01_true-{part}_predicted-coat.png",
        "mistakes.json",
    ]


def test_jpeg_and_several_pictures_of_an_example(tmp_path: Path) -> None:
    content = example(front=PNG, back=b"\xff\xd8\xff\xe0")
    (row,) = written(tmp_path / "mistakes", Mistake(0.5, content, "", 0, 1))
    assert row["files"] == [
        "01_true-coat_predicted-t-shirt-top_back.jpg",
        "01_true-coat_predicted-t-shirt-top_front.png",
    ]


def test_ranks_are_as_wide_as_the_longest(tmp_path: Path) -> None:
    found = [Mistake(i / 200, example(image=PNG), "", 0, 1) for i in range(101)]
    rows = written(tmp_path / "mistakes", *found)
    assert rows[0]["files"] == ["001_true-coat_predicted-t-shirt-top.png"]
    assert rows[100]["files"] == ["101_true-coat_predicted-t-shirt-top.png"]


def test_residuals(tmp_path: Path) -> None:
    rows = written(
        tmp_path / "mistakes",
        Mistake(2.0, example(x=1.5), "fat", 3.0, 5.0),
        Mistake(1.0, example(x=0.5), "fat", 3.0, 2.0),
        Mistake(4.0, example(x=1.5), "water", 9.0, 5.0),
        names=None,
    )
    assert [(row["rank"], row["output"], row["residual"]) for row in rows] == [
        (1, "fat", -2.0),
        (2, "fat", 1.0),
        (1, "water", 4.0),
    ]
    assert rows[0]["features"] == {"x": 1.5}


def test_what_a_former_try_left_is_gone_and_nothing_is_written_for_none(tmp_path: Path) -> None:
    written(tmp_path / "mistakes", Mistake(0.5, example(image=PNG), "", 0, 1))
    mistakes.write(tmp_path / "mistakes", Worst(25), NAMES)
    assert not (tmp_path / "mistakes").exists()
