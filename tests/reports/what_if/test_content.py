"""Pictures and texts: their nearest neighbours, and what the answer hangs on."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from starlette.testclient import TestClient

from common.errors import BadInput
from reports.run_facts import RunFacts
from reports.what_if import likeness, occlusion
from tests.reports.what_if import birds, odd
from tests.reports.what_if.asking import client_of, get, post

BRIGHT, GOOD = 1, 1


@pytest.fixture(scope="module")
def models() -> odd.OddModels:
    return odd.OddModels()


@pytest.fixture(scope="module")
def client(models: odd.OddModels, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return client_of(odd.home_of(tmp_path_factory.mktemp("home")), models)


def white_on_black(left: int, top: int, side: int = 6) -> bytes:
    picture = Image.new("L", (odd.SIDE, odd.SIDE))
    picture.paste(255, (left, top, left + side, top + side))
    return odd.png(picture)


def test_the_distance_of_texts_is_that_of_their_weighted_words() -> None:
    known = ["a a b", "b c", None, "d"]
    count = {word: sum(word in (text or "").split() for text in known) for word in "abcd"}

    def weights(text: str) -> np.ndarray:
        rare = {word: math.log(5 / (1 + n)) + 1 for word, n in count.items()}
        words = text.split()
        found = np.array([rare[w] * (1 + math.log(words.count(w))) if w in words else 0.0 for w in "abcd"])
        return found / (np.linalg.norm(found) or 1)

    expected = [1 - weights("a b") @ weights(text or "") for text in known]
    assert likeness.texts(known).distances("A B?") == pytest.approx(expected)
    assert likeness.texts(known).distances("x") == pytest.approx([1, 1, 1, 1])
    with pytest.raises(BadInput, match="no words"):
        likeness.texts(["...", None])


def test_the_distance_of_pictures_is_that_of_their_pixels() -> None:
    black, grey, white = (
        likeness.small(odd.png(Image.new("RGB", (50, 20), (g, g, g)))) for g in (0, 51, 255)
    )
    assert black is not None
    assert grey is not None
    assert likeness.picture_distances(np.stack([black, grey, white]), black) == pytest.approx([0, 0.2, 1])
    assert likeness.small(b"GIF89a") is None
    assert likeness.small(None) is None


def test_a_text_in_pieces_is_the_text() -> None:
    assert occlusion.pieces(" one\ntwo  three ") == [" one", "\ntwo", "  three"]
    assert occlusion.without_each([" one", "\ntwo"]) == ["two", "one"]
    long = occlusion.pieces(" ".join(str(n) for n in range(450)))
    assert (len(long), long[0], long[-1]) == (150, "0 1 2", " 447 448 449")
    assert occlusion.pieces(" ") == []


@pytest.mark.parametrize(("size", "places"), [((28, 28), (14, 14)), ((8, 4), (8, 4)), ((600, 300), (14, 7))])
def test_each_place_of_a_picture_is_covered_once(size: tuple[int, int], places: tuple[int, int]) -> None:
    covered = occlusion.pictures(odd.png(Image.new("RGB", size, (255, 0, 0))))
    assert (covered.across, covered.down) == places
    assert (covered.width, covered.height) == ((256, 128) if covered.scaled else size)
    assert covered.scaled == (size == (600, 300))
    hidden = np.zeros((covered.height, covered.width), int)
    for patched in covered.patched:
        pixels = pixels_of(patched)
        grey = (pixels == 128).all(axis=-1)
        assert (pixels[~grey] == (255, 0, 0)).all()
        hidden += grey
    assert hidden.min() >= 1
    assert len(covered.patched) == math.prod(places)


def pixels_of(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def test_what_a_picture_hangs_on_is_asked_in_one_batch(client: TestClient, models: odd.OddModels) -> None:
    picture = white_on_black(2, 4)
    models.batches.clear()
    told = post(client, "regions", picture, "pictures", output=BRIGHT)
    assert models.batches == [1 + 14 * 14]
    assert (told["output"], told["score"]) == (odd.CLASSES[1], pytest.approx(odd.brightness(picture)))
    changes = np.array(told["changes"]).reshape(14, 14)
    # Grey over all of the white square darkens most; grey on black brightens, and outside the quarter nothing happens.
    assert np.unravel_index(changes.argmax(), changes.shape) == (3, 2)
    assert changes[3, 2] == pytest.approx(36 * (255 - 128) / 14**2 / 255)
    assert changes[1, 5] < 0
    assert not changes[8:].any()
    assert post(client, "regions", picture, "pictures", output="")["output"] == odd.CLASSES[0]


def test_what_a_text_hangs_on_is_asked_in_one_batch(client: TestClient, models: odd.OddModels) -> None:
    models.batches.clear()
    asked: dict[str, Any] = {"values": {"text": "good, no: good bad film"}, "feature": "text", "output": GOOD}
    told = post(client, "words", asked, "texts")
    assert models.batches == [1 + 5]
    assert told["pieces"] == ["good,", " no:", " good", " bad", " film"]
    assert told["score"] == 0.5
    sigmoid = 1 / (1 + math.exp(-1))
    assert told["changes"] == pytest.approx([0, 0, sigmoid - 0.5, 0.5 - sigmoid, 0])
    own = post(client, "words", {**asked, "values": {"text": "bad"}, "output": ""}, "texts")
    assert (own["output"], own["changes"]) == (odd.CLASSES[0], pytest.approx([sigmoid - 0.5]))


def test_the_nearest_text_with_another_answer(client: TestClient) -> None:
    found = post(client, "counterfactual", {"values": {"text": "a good film, good good"}}, "texts")
    distances = likeness.texts(odd.TEXTS).distances("a good film, good good")
    other = [place for place, text in enumerate(odd.TEXTS) if odd.goodness(text) <= 0.5]
    assert found["id"] == min(other, key=lambda place: distances[place]) == 1
    assert found["distance"] == pytest.approx(distances[1])
    assert found["rows"] == [
        {"name": "text", "column": "text", "theirs": odd.TEXTS[1], "apart": found["distance"]}
    ]
    none = post(client, "counterfactual", {"values": {"text": "good good"}}, "texts")
    assert not none["found"]
    assert "shares a word" in none["wanted"]


def test_the_nearest_picture_with_another_answer(client: TestClient) -> None:
    grey = odd.png(Image.new("L", (odd.SIDE, odd.SIDE), 100))
    found = post(client, "counterfactual-picture", grey, "pictures")
    assert (found["id"], found["compared"], found["all"]) == (3, 5, 5)
    assert found["distance"] == pytest.approx(80 / 255)
    assert client.get("/what-if/pictures/picture", params={"id": 3}).content == odd.pictures()[3]


def test_pictures_that_were_not_kept_are_said(tmp_path: Path) -> None:
    home = birds.home_of(tmp_path, "pictures")
    odd.classes(home, "pictures", [0.2, 0.9], example=pa.array([None, None], pa.binary()))
    client = client_of(home, odd.OddModels())
    line = post(client, "counterfactual-picture", odd.pictures()[0], "pictures")["problem"]
    assert line == "the pictures are too large: the evaluation kept none of them"


@pytest.mark.parametrize(
    ("part", "pipeline", "body", "line"),
    [
        ("words", "texts", {"values": {"text": " "}, "feature": "text"}, "there is no word"),
        ("words", "texts", {"values": {"text": "a"}, "feature": "x"}, "'x' is no text"),
        ("words", "things", {"values": {}, "feature": odd.END}, "is no text"),
        ("words", "texts", {"values": {"text": "a"}, "feature": "text", "output": 7}, "no scores"),
        ("dependence", "texts", {"values": {"text": "a"}, "feature": "text"}, "is no feature whose"),
        ("regions", "texts", odd.pictures()[0], "takes no pictures"),
        ("counterfactual-picture", "texts", odd.pictures()[0], "takes no pictures"),
        ("regions", "pictures", b"GIF89a", "no picture in PNG or JPEG"),
        ("regions", "pictures", odd.png(Image.new("I;16", (9, 9), 4000)), "more than 8 bits"),
        ("counterfactual-picture", "pictures", b"", "no picture in PNG or JPEG"),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",
)
def test_what_has_no_such_part_is_one_line(
    client: TestClient, part: str, pipeline: str, body: Any, line: str
) -> None:
    problem = post(client, part, body, pipeline)["problem"]
    assert line in problem
    assert "\n" not in problem


def test_two_numbers_with_odd_names_and_nothing_known(client: TestClient) -> None:
    model = get(client, "model", "things")
    assert (model["outputs"], model["curved"]) == (list(odd.NUMBERS), sorted(odd.THINGS[0]))
    nothing = get(client, "example", "things", id=3)["values"]
    assert nothing == dict.fromkeys(odd.THINGS[0])
    told = post(client, "answer", {"values": nothing}, "things")["answers"][0]
    assert told["scores"] == [0.0, 0.0]
    curve = post(client, "dependence", {"values": nothing, "feature": odd.QUOTED, "output": 0}, "things")
    assert curve["values"] == [odd.ON_ERROR, "plain", odd.END, None]
    assert curve["own"] == [10, 0, 0, 0]
    found = post(client, "counterfactual", {"values": nothing, "output": 1}, "things")
    assert {row["name"]: row["apart"] for row in found["rows"]}["ge wicht"] == 1


def test_outputs_are_told_apart_in_whatever_order_they_are_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(RunFacts, "labels", property(lambda facts: list(reversed(odd.NUMBERS))))
    client = client_of(odd.home_of(tmp_path), odd.OddModels())
    assert get(client, "model", "things")["outputs"] == [odd.NUMBERS[1], odd.NUMBERS[0]]
    example = get(client, "example", "things", id=0)
    assert example["scores"] == [3, 93]
    found = post(client, "counterfactual", {"values": example["values"], "output": 1}, "things")
    # Of the others, 79 is not far enough from 93, and the next is apart by a missing value for each feature.
    assert (found["id"], found["distance"], found["scores"]) == (3, 3, [0, 0])
