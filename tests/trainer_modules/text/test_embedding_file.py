from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules.text import embedding_file

NAMES = ["[PAD]", "[UNK]", "[START]", "[END]", "the", "▁film", "film", "été", "lacking"]
VECTORS = {"the": [1.0, 2.0, 3.0], "été": [-1.0, 0.5, 0.0], "other": [9.0, 9.0, 9.0], "film": [4.0, 5.0, 6.0]}
LINES = "".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in VECTORS.items())


def check(found: tuple[np.ndarray, float]) -> None:
    vectors, share = found
    assert vectors.dtype == np.float32
    assert vectors.shape == (9, 3)
    assert share == pytest.approx(4 / 5)
    assert vectors[0].tolist() == [0, 0, 0]
    assert vectors[4].tolist() == VECTORS["the"]
    assert vectors[5].tolist() == vectors[6].tolist() == VECTORS["film"]
    assert vectors[7].tolist() == VECTORS["été"]
    assert np.abs(vectors[8]).min() > 0
    assert vectors[8].tolist() not in VECTORS.values()


def test_glove_text(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(LINES)
    check(embedding_file.read(str(path), NAMES, 1))
    again, _ = embedding_file.read(str(path), NAMES, 1)
    np.testing.assert_array_equal(again, embedding_file.read(str(path), NAMES, 1)[0])
    assert (again[8] != embedding_file.read(str(path), NAMES, 2)[0][8]).any()


def test_word2vec_text_and_gzip(tmp_path: Path) -> None:
    (tmp_path / "w2v.vec").write_text(f"{len(VECTORS)} 3\n{LINES}")
    check(embedding_file.read(str(tmp_path / "w2v.vec"), NAMES, 1))
    with gzip.open(tmp_path / "glove.txt.gz", "wt", encoding="utf-8") as file:
        file.write(LINES)
    check(embedding_file.read(str(tmp_path / "glove.txt.gz"), NAMES, 1))


def test_an_array_and_its_vocabulary(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array(list(VECTORS.values()), np.float64))
    (tmp_path / "v.txt").write_text("".join(f"{word}\n" for word in VECTORS))
    check(embedding_file.read(str(tmp_path / "v.npy"), NAMES, 1, str(tmp_path / "v.txt")))


def test_a_token_may_hold_spaces(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_text("the 1 2 3\n. . . 7 8 9\n")
    vectors, _ = embedding_file.read(str(tmp_path / "glove.txt"), [*NAMES, ". . ."], 1)
    assert vectors[9].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("content", "width", "message"),
    [
        ("the 1 2 3\nfilm 1 2\n", None, r"v.txt:2: a token and 3 numbers are expected, found 3 fields"),
        ("the 1 2 x\n", None, r"v.txt:1: 'the' has a field that is no number"),
        ("a 1 2\n", None, r"v.txt has no vector for any of 4 tokens"),
        ("", None, r"v.txt has no vector for any of 4 tokens"),
        (
            "the 1 2 3\n",
            5,
            r"trainer.model.embedding is 5, the vectors of .*v.txt have 3 numbers: leave it out",
        ),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, width: int | None, message: str) -> None:
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(BadInput, match=message):
        embedding_file.read(str(tmp_path / "v.txt"), NAMES, 1, width=width)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros([3, 2]))
    (tmp_path / "v.txt").write_text("the\nfilm\n")
    with pytest.raises(BadInput, match=r"v.npy has shape \[3, 2\], .*v.txt 2 lines: one line for each row"):
        embedding_file.read(str(tmp_path / "v.npy"), NAMES, 1, str(tmp_path / "v.txt"))
    with pytest.raises(BadInput, match=r"trainer.model.vectors: .*none.txt: No such file"):
        embedding_file.read(str(tmp_path / "none.txt"), NAMES, 1)
