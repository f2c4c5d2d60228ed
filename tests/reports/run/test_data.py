"""The data section against the artifacts that it is made of."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.home import Home
from reports import mistakes, run_facts, run_report
from reports.run import data, pictures
from reports.run_facts import Missing, RunFacts
from tests.pipeline.records import Recorder
from tests.reports.run.artifacts import (
    EVIL,
    add_drift,
    anomalies,
    put,
    statistics,
    write_examples,
    write_statistics,
)

TRAIN = {
    "size": [1.0, 2.0, 3.0, None],
    "color": ["red", "red", "blue", "red"],
    "species": ["a", "b", "a", "a"],
}
HELD_OUT = {"size": [0.0, 4.0], "color": ["red", "green"], "species": ["a", "b"]}


@pytest.fixture
def filled(facts: RunFacts) -> RunFacts:
    """The run with statistics of its own."""
    folder = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(folder)
    write_statistics(folder, train=TRAIN, eval=HELD_OUT)
    return dataclasses.replace(facts, run=dataclasses.replace(facts.run, config={"label": "species"}))


def write_anomalies(facts: RunFacts, split: str, found: Any, rows: Any = None) -> None:
    folder = facts.folder("ExampleValidator", "anomalies") / f"Split-{split}"
    put(folder / "SchemaDiff.pb", found.SerializeToString())
    if rows:
        put(folder / "rows.json", json.dumps(rows))


def card(content: data.Content, name: str) -> Any:
    return next(one for one in content.cards if one.name == name)


def test_figures_are_those_of_the_statistics(filled: RunFacts) -> None:
    content = data.read(filled)
    assert {name: split.examples for name, split in content.splits.items()} == {"train": 4, "eval": 2}
    size = card(content, "size")
    assert size.columns == ["train", "eval"]
    assert dict(size.figures) == {
        "missing": ["1", "0"],
        "% missing": ["25.0 %", ""],
        "zeros": ["", "1"],
        "% zeros": ["", "50.0 %"],
        "mean": ["2.000", "2.000"],
        "deviation": ["0.8165", "2.000"],
        "smallest": ["1.000", "0"],
        "median": ["2.000", "2.000"],
        "largest": ["3.000", "4.000"],
    }
    assert size.axis == ("0", "4.000")
    color = card(content, "color")
    assert {bar.name: bar.shares for bar in color.bars} == {
        "red": ["75.0 %", "50.0 %"],
        "green": ["0.0 %", "50.0 %"],
        "blue": ["25.0 %", "0.0 %"],
    }
    assert dict(color.figures)["distinct"] == ["2", "2"]


def test_values_that_all_differ_have_no_bars(facts: RunFacts) -> None:
    folder = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(folder)
    write_statistics(folder, train={"id": [f"id{i}" for i in range(20)]})
    shown = card(data.read(facts), "id")
    assert (shown.bars, shown.note) == ([], "no value is there twice")
    assert dict(shown.figures)["distinct"] == ["20"]


def test_anomalies_come_with_their_examples(filled: RunFacts) -> None:
    rows = {"color": {"examined": 2, "rows": [{"position": 1, "values": {"color": "green", "size": 4.0}}]}}
    found = anomalies(color=("Unexpected string values", "Examples contain green."))
    write_anomalies(filled, "eval", found, rows)
    content = data.read(filled)
    assert content.findings is not None
    (anomaly,) = content.findings.anomalies
    assert (anomaly.split, anomaly.feature, anomaly.sentence) == ("eval", "color", "Examples contain green.")
    assert anomaly.rows is not None
    assert (anomaly.rows.columns, anomaly.rows.rows) == (["color", "size"], [(1, ["green", "4.0"])])
    assert [tag.text for tag in card(content, "color").tags] == ["anomaly"]
    html = data.section(filled).html
    assert "Unexpected string values: Examples contain green." in html
    assert "1 such examples among the first 2" in html


def test_drift_and_skew_stand_beside_their_bounds(filled: RunFacts) -> None:
    found = anomalies()
    add_drift(found, "color", drift=(0.25, 0.1), skew=(0.05, 0.1))
    write_anomalies(filled, "train", found)
    content = data.read(filled)
    assert [(tag.text, tag.state) for tag in card(content, "color").tags] == [
        ("drift 0.2500 of 0.1000", "bad"),
        ("skew 0.0500 of 0.1000", "ok"),
    ]
    html = data.section(filled).html
    assert "too high" in html
    assert "Jensen-Shannon" in html
    assert "No anomalies" in html


def test_earlier_data_is_the_model_s_before_it(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    recorder.run("20261123-010000", rows=100)
    recorder.run("20261123-020000", rows=200)
    recorder.run("20261123-030000", rows=300, stop="ExampleValidator")
    first, second, third = (run_facts.find(recorder.home, "penguin", f"last~{back}") for back in (2, 1, 0))
    assert data.read(first).earlier is None
    for facts, name, before in ((second, "last blessed", first), (third, "earlier data", second)):
        content = data.read(facts)
        assert content.earlier is not None
        assert content.earlier.name == name
        assert content.earlier.folder == before.folder("StatisticsGen", "statistics")
        assert card(content, "island").columns == ["train", "valid", "eval", name]


def test_names_and_values_from_data_stay_text(facts: RunFacts) -> None:
    folder = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(folder)
    columns = {EVIL: [EVIL, "b"], f"{EVIL}2": [1.0, 2.0]}
    write_statistics(folder, train=columns, eval=columns)
    put(
        folder / f"Split-{EVIL.replace('/', '')}" / "FeatureStats.pb", statistics(columns).SerializeToString()
    )
    rows = {EVIL: {"examined": 1, "rows": [{"position": 0, "values": {EVIL: EVIL}}]}}
    write_anomalies(facts, "train", anomalies(**{EVIL: (EVIL, EVIL)}), rows)
    write_examples(facts.folder("ExampleGen", "examples"), "train", [{EVIL: EVIL, f"{EVIL}2": 1.0}])
    html = run_report.html(facts)
    assert "alert(1)" in html
    assert "<script" not in html
    assert "<img" not in html


def picture(color: int) -> bytes:
    packed = io.BytesIO()
    Image.new("L", (200, 100), color).save(packed, "PNG")
    return packed.getvalue()


def test_images_are_thumbnails_by_class(filled: RunFacts) -> None:
    rows = [
        {"image": picture(i), "species": f"{EVIL}{i % 2}", "file_name": f"{i}.png", "height": 100} for i in range(30)
    ]  # fmt: skip
    write_examples(
        filled.folder("ExampleGen", "examples"),
        "train",
        [*rows, {"image": b"\x89PNG broken", "species": "c"}],
    )
    content = data.read(filled)
    ((name, sheet),) = content.sheets
    assert (name, sheet.examples, sheet.left_out) == ("image", 31, 0)
    assert {name: len(images) for name, images in sheet.classes.items()} == {f"{EVIL}0": 8, f"{EVIL}1": 8}
    image = sheet.classes[f"{EVIL}0"][1]
    assert (image.name, image.width, image.height) == ("2.png", 200, 100)
    html = data.section(filled).html
    assert html.count("<img src=") == 16
    assert html.count('src="data:image/png;base64,') == 16
    assert "<script" not in html


def test_photos_that_are_stored_turned_are_shown_upright(tmp_path: Path) -> None:
    exif, packed = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("L", (200, 100)).save(packed, "PNG", exif=exif)
    shown = pictures.thumbnail(packed.getvalue())
    assert shown is not None
    assert (shown.width, shown.height) == (100, 200)
    (tmp_path / "turned.png").write_bytes(packed.getvalue())
    small = mistakes.thumbnail(tmp_path / "turned.png")
    assert small is not None
    with Image.open(io.BytesIO(base64.b64decode(small.partition(",")[2]))) as mistake:
        assert mistake.height == 2 * mistake.width


def test_what_the_reader_warned_of_is_told(filled: RunFacts) -> None:
    artifact = filled.artifact("ExampleGen", "examples")
    artifact.custom_properties["warnings"].string_value = json.dumps([f"2 left out: {EVIL}"])
    html = data.section(filled).html
    assert "2 left out: " in html
    assert "<script" not in html


def test_texts_are_shown_with_what_was_counted(filled: RunFacts) -> None:
    folder = filled.folder("ExampleGen", "examples")
    write_examples(folder, "train", [{"text": "x" * 500, "species": "a"}, {"text": EVIL, "species": "b"}])
    write_examples(folder, "eval", [{"text": "short", "species": "a"}])
    section = {
        "lengths": {},
        "vocabulary": {
            "words": 321,
            "once": 12,
            "characters": 34,
            "growth": [{"texts": 1, "words": 200}, {"texts": 2, "words": 321}],
        },
        "out_of_vocabulary": {
            "eval": {"words": 0.125, "different_words": 0.25, "characters": 0.0, "examples": [EVIL]}
        },
    }
    put(folder / "text_report.json", json.dumps({"columns": {"text": section}}))
    content = data.read(filled)
    (text,) = content.texts
    assert [len(sample.text) for sample in text.samples["train"]] == [400, len(EVIL)]
    assert [sample.is_cut for sample in text.samples["train"]] == [True, False]
    html = data.section(filled).html
    assert "321 different words in train, 12 of them once" in html
    assert "12.5 %" in html
    assert "321 different words after 2 texts" in html
    assert "<script" not in html


def test_the_first_rows_of_a_table(filled: RunFacts) -> None:
    rows = [{"species": "a", "size": 40.900001525878906, "count": 3, "color": None} for _ in range(9)]
    write_examples(filled.folder("ExampleGen", "examples"), "train", rows)
    content = data.read(filled)
    assert content.columns == ["species", "color", "count", "size"]
    assert content.rows == [["a", "", "3", "40.90"]] * 5


def test_what_is_gone_is_said_and_the_rest_is_shown(filled: RunFacts) -> None:
    write_anomalies(filled, "train", anomalies(color=("Column dropped", "It is gone.")))
    shutil.rmtree(filled.folder("StatisticsGen", "statistics"))
    html = data.section(filled).html
    assert "The statistics of StatisticsGen (artifact " in html
    assert "is gone: its folder is missing" in html
    assert "Column dropped: It is gone." in html


def test_nothing_at_all_is_said_in_a_sentence(facts: RunFacts) -> None:
    for node, key in (
        ("StatisticsGen", "statistics"),
        ("ExampleValidator", "anomalies"),
        ("ExampleGen", "examples"),
    ):
        shutil.rmtree(facts.folder(node, key))
    with pytest.raises(Missing, match=r"statistics of StatisticsGen .* anomalies .* examples"):
        data.section(facts)
    assert "is gone: its folder is missing" in run_report.html(facts)


def test_damaged_files_are_no_traceback(filled: RunFacts) -> None:
    for path in filled.folder("StatisticsGen", "statistics").glob("*/*.pb"):
        path.write_bytes(b"\xff\xff\xff")
    put(filled.folder("ExampleGen", "examples") / "Split-train" / "x.gz", b"no gzip")
    write_anomalies(filled, "train", anomalies(), "no rows")
    assert "have no file that can be read" in data.section(filled).html


def test_wide_data_stay_small_and_quick(facts: RunFacts) -> None:
    folder = facts.folder("StatisticsGen", "statistics")
    shutil.rmtree(folder)
    numbers = {f"number_{i:03d}": [float(i % 7 + j) for j in range(50)] for i in range(300)}
    one = statistics({**numbers, "text": [f"{'x' * 200}{i % 800}" for i in range(1000)]})
    (template,) = (feature for feature in one.datasets[0].features if feature.path.step[0] == "text")
    for i in range(150):
        feature = one.datasets[0].features.add()
        feature.CopyFrom(template)
        feature.path.step[0] = f"text_{i:03d}"
    for split in ("train", "valid", "eval"):
        put(folder / f"Split-{split}" / "FeatureStats.pb", one.SerializeToString())
    began = time.process_time()
    html = data.section(facts).html
    assert time.process_time() - began < 5
    assert len(html) < 3_000_000
    assert f"{data.MOST_CARDS - data.OPEN_CARDS} more features" in html
    assert "51 more features are left out of this page" in html
