"""Images that look alike in different splits are found, counted and listed; others are not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen import near_duplicates, thumbnails
from data import idx
from tests.components.image_example_gen.images import (
    encoded,
    flat,
    pixels,
    records,
    run,
    write_classes,
    write_file,
)


def photo(seed: int) -> Image.Image:
    """A smooth picture with noise, as photos are."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    large = np.asarray(Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC), np.int16)
    noise = np.random.default_rng(seed + 1).integers(-8, 9, large.shape)
    return Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))


def again(image: Image.Image, **options: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, "JPEG", **options)))


def test_the_hash_has_a_bit_for_each_step_to_a_brighter_field() -> None:
    rows = np.zeros((8, 9), np.uint8)
    rows[0] = [0, 1, 1, 0, 5, 6, 6, 6, 7]
    (found,) = thumbnails.difference_hashes(rows.reshape(1, 72))
    assert f"{int(found):064b}" == "10011001" + "0" * 56


def test_thumbnails_are_means_of_fields_and_white_where_transparent() -> None:
    image = np.zeros((16, 18), np.uint8)
    image[:, :2] = 200
    rows = np.frombuffer(thumbnails.of(Image.fromarray(image)), np.uint8).reshape(8, 9)
    assert (rows[:, 0] == 200).all()
    assert not rows[:, 1:].any()
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert set(thumbnails.of(clear)) == {255}
    assert set(thumbnails.of(clear.convert("LA"))) == {255}


def as_pictures(images: list[Image.Image]) -> np.ndarray:
    return np.frombuffer(b"".join(map(thumbnails.of, images)), np.uint8).reshape(-1, thumbnails.SIZE)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: again(image, quality=75),
        lambda image: again(image, quality=40),
        lambda image: image.resize((64, 64), Image.Resampling.LANCZOS),
        lambda image: image.point(lambda value: min(255, value + 2)),
    ],
    ids=["quality 75", "quality 40", "smaller", "brighter"],
)
def test_photos_stored_again_are_found_and_others_are_not(change: object) -> None:
    photos = [photo(10 * seed) for seed in range(40)]
    assert callable(change)
    pictures = as_pictures(
        [*photos, *(change(image) for image in photos[:25]), *(photo(7 + s) for s in range(1000, 1040))]
    )
    held_out = np.arange(40, 105)
    found = near_duplicates.find([np.arange(40), held_out], pictures)
    assert [(pair.row, pair.other) for pair in sorted(found, key=lambda pair: pair.row)] == [
        (40 + number, number) for number in range(25)
    ]
    assert all(pair.bits <= 6 and pair.difference < 3 for pair in found)


def test_the_nearest_of_all_earlier_splits_is_taken() -> None:
    base = pixels(1, 8, 9, 1).reshape(72).astype(np.int16)
    pictures = np.stack([base + 2, base, base + 1, 255 - base, base]).clip(0, 255).astype(np.uint8)
    found = near_duplicates.find([np.array([0, 3]), np.array([2]), np.array([4])], pictures)
    assert [(pair.row, pair.other) for pair in found] == [(2, 0), (4, 2)]
    within = near_duplicates.find([np.array([0, 1, 2]), np.array([3])], pictures)
    assert within == [], "images of one split are no leak"


def test_result_is_that_of_comparing_all_with_all() -> None:
    random = np.random.default_rng(3)
    base = random.integers(0, 256, (150, 72))
    pictures = np.concatenate([base, base + random.integers(-3, 4, base.shape)]).clip(0, 255).astype(np.uint8)
    rows = random.permutation(300)
    splits = [rows[:200], rows[200:]]
    hashes = thumbnails.difference_hashes(pictures)
    expected = {}
    for row in splits[1]:
        near = [
            (np.abs(pictures[row].astype(int) - pictures[other].astype(int)).mean(), other)
            for other in splits[0]
            if int(hashes[row] ^ hashes[other]).bit_count() <= near_duplicates.MOST_BITS
        ]
        near = [one for one in near if one[0] < near_duplicates.LESS_THAN]
        if near:
            expected[row] = min(near)
    found = {pair.row: (pair.difference, pair.other) for pair in near_duplicates.find(splits, pictures)}
    assert found.keys() == expected.keys()
    assert len(found) > 20
    for row, (difference, other) in found.items():
        assert (pytest.approx(expected[row][0]), expected[row][1]) == (difference, other)


def test_twenty_thousand_empty_images_are_compared_at_once() -> None:
    pictures = np.full((20_000, 72), 255, np.uint8)
    found = near_duplicates.find([np.arange(16_000), np.arange(16_000, 20_000)], pictures)
    assert len(found) == 4000
    assert {pair.other for pair in found} == {0}


def test_near_duplicates_are_counted_and_listed_beside_the_splits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    for index in range(60):
        name = "cat" if index % 2 else "dog"
        write_file(folder / name / f"{index:02d}.png", encoded(photo(10 * index)))
        write_file(folder / "again" / f"{index:02d}.jpg", encoded(photo(10 * index), "JPEG", quality=70))
    with caplog.at_level("WARNING"):
        examples = run(folder, tmp_path)
    found = flat(records(examples))
    order = ["train", "valid", "eval"]
    expected = set()
    for index in range(60):
        one, two = f"{'cat' if index % 2 else 'dog'}/{index:02d}.png", f"again/{index:02d}.jpg"
        first, second = sorted((one, two), key=lambda name: order.index(found[name]["split"]))
        if found[first]["split"] != found[second]["split"]:
            expected.add((found[second]["split"], second, found[first]["split"], first))
    assert len(expected) > 10
    listed = list(csv.DictReader(Path(examples.uri, "near_duplicates.csv").read_text().splitlines()))
    assert {
        (row["split"], row["file_name"], row["near_split"], row["near_file_name"]) for row in listed
    } == expected
    assert all({row["label"], row["near_label"]} & {"again"} for row in listed)
    assert all(0 <= int(row["different_bits"]) <= 6 and float(row["difference"]) < 3 for row in listed)
    assert examples.get_int_custom_property("near_duplicates") == len(expected)
    told = json.loads(examples.get_string_custom_property("near_duplicate_examples"))
    assert told == [[row["file_name"], row["near_file_name"]] for row in listed[:5]]
    assert any(
        f"{len(expected)} images look like an image of an earlier split" in line for line in caplog.messages
    )


def test_no_near_duplicates_no_list(tmp_path: Path) -> None:
    examples = run(write_classes(tmp_path / "data"), tmp_path)
    assert examples.get_int_custom_property("near_duplicates") == 0
    assert not Path(examples.uri, "near_duplicates.csv").exists()


def test_copies_in_a_held_out_set_are_near_duplicates_too(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.stack([pixels(seed, channels=1) for seed in range(60)])
    for name, chosen in (("train", images[:50]), ("t10k", images[45:])):
        idx.write(folder / f"{name}-images-idx3-ubyte", chosen.shape, [chosen.tobytes()])
        idx.write(
            folder / f"{name}-labels-idx1-ubyte", [len(chosen)], [bytes(i % 2 for i in range(len(chosen)))]
        )
    examples = run(folder, tmp_path, images="idx")
    listed = list(csv.DictReader(Path(examples.uri, "near_duplicates.csv").read_text().splitlines()))
    assert sorted((row["file_name"], row["near_file_name"], row["difference"]) for row in listed) == [
        (f"t10k-images-idx3-ubyte#{number}", f"train-images-idx3-ubyte#{45 + number}", "0.00")
        for number in range(5)
    ]


def test_copies_within_a_split_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_classes(tmp_path / "data")
    for index in range(3):
        content = (folder / "cat" / f"{index:02d}.png").read_bytes()
        write_file(folder / ("cat" if index else "dog") / f"copy{index}.png", content)
    with caplog.at_level("INFO"):
        run(folder, tmp_path)
    assert "Images: 3 images are copies of others, pixel for pixel" in caplog.messages
