"""The catalog file that is proposed from a CSV file."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import BadInput
from data import meats, taxi
from pipeline import config, scaffold

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, columns: dict[str, list[Any]], delimiter: str = ",") -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [delimiter.join(columns), *(delimiter.join(map(str, row)) for row in rows)]
    path = Path(name)
    path.write_text("\n".join(lines) + "\n")
    return path


def houses(rows: int = 400) -> dict[str, list[Any]]:
    """A table with one column of every sort that is treated in its own way."""
    draw = random.Random(1)
    sizes = [round(draw.uniform(30, 200), 1) for _ in range(rows)]
    return {
        "row": list(range(1, rows + 1)),
        "reference": [f"house {i * 7919 % 10_007}" for i in range(rows)],
        "postcode": [f"{draw.randrange(100):05d}" for _ in range(rows)],
        "size": ["?" if i % 50 == 0 else size for i, size in enumerate(sizes)],
        "rooms": [int(size // 40) + 1 for size in sizes],
        "heating": [draw.choice(["gas", "oil", "NA"]) for _ in range(rows)],
        "country": ["NL"] * rows,
        "remarks": [""] * rows,
        "sold": [draw.choice(["yes", "no"]) for _ in range(rows)],
        "price": [round(2000 * size + draw.gauss(0, 9000), 2) for size in sizes],
    }


def proposed(csv: Path | str, *labels: str, name: str = "mine", **arguments: Any) -> config.Config:
    return config.load(str(scaffold.new_pipeline(name, csv, labels, Path("out"), **arguments)))


def test_columns_of_every_sort(folder: Path) -> None:
    found = proposed(write("houses.csv", houses()), "price")
    assert found.data.drop == ("row", "reference", "country", "remarks")
    assert found.data.types == {"postcode": "text"}
    assert found.data.missing_values == ("", "?", "NA")
    assert found.trainer.features["numeric"] == ["size", "rooms"]
    assert found.trainer.features["categorical"] == ["postcode", "heating", "sold"]
    assert found.data.path == str(folder / "houses.csv")
    text = Path("out/mine.yaml").read_text()
    for said in (
        "- row  # numbers the rows",
        "- reference  # text, 400 different values in 400 rows: an id or free text",
        "- country  # one value only: 'NL'",
        "- remarks  # no value in any row",
        "postcode: text  # codes: some begin with 0",
        "'?'  # 8 times, in size",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 100, "binary"),
        ([0, 1] * 100, "binary"),
        (["a", "b", "c", "d"] * 50, "multiclass"),
        (list(range(20)) * 10, "multiclass"),
        (list(range(25)) * 8, "regression"),
        ([0.5, 1.0] * 100, "regression"),
        ([0.0, 1.0] * 100, "binary"),
        ([float(value) for value in range(25)] * 8, "regression"),
    ],
)
def test_task_follows_from_the_label(folder: Path, values: list[Any], task: str) -> None:
    draw = random.Random(0)
    csv = write("rows.csv", {"x": [draw.random() for _ in values], "label": values})
    assert proposed(csv, "label").task == task


def test_classification_has_to_beat_the_majority_class(folder: Path) -> None:
    draw = random.Random(0)
    kinds = [draw.choice("aaab") for _ in range(2000)]
    csv = write("rows.csv", {"x": [draw.random() for _ in kinds], "kind": kinds})
    auc, accuracy = proposed(csv, "kind").evaluation.gates
    assert (auc.metric, auc.lower) == ("auc", 0.6)
    assert accuracy.metric == "accuracy"
    assert 0.74 < accuracy.lower < 0.82, "three quarters are a; a tenth of what is left comes on top"
    said = Path("out/mine.yaml").read_text().split("always 'a' gives ")[1]
    share = float(said.split()[0])
    assert accuracy.lower == pytest.approx(share + 0.1 * (1 - share), abs=0.002)
    assert (
        f"task: binary  # 'a' {kinds.count('a'):,}, 'b' {kinds.count('b')} rows"
        in Path("out/mine.yaml").read_text()
    )


def test_a_rare_class_is_not_judged_by_accuracy(folder: Path) -> None:
    draw = random.Random(0)
    kinds = [int(draw.random() < 0.05) for _ in range(2000)]
    csv = write("rows.csv", {"x": [draw.random() for _ in kinds], "fraud": kinds})
    (gate,) = proposed(csv, "fraud").evaluation.gates
    assert (gate.metric, gate.lower) == ("auc", 0.6)


def test_regression_has_to_beat_the_mean(folder: Path) -> None:
    columns = houses()
    (gate,) = proposed(write("houses.csv", columns), "price").evaluation.gates
    mean = sum(columns["price"]) / 400
    spread = (sum((price - mean) ** 2 for price in columns["price"]) / 400) ** 0.5
    assert gate.metric == "rmse"
    assert gate.upper == pytest.approx(0.9 * spread, rel=0.15)
    assert gate.max_drop == pytest.approx(0.05 * spread, rel=0.2)


def test_several_labels_have_a_gate_each(folder: Path) -> None:
    found = proposed(meats.write_csv(folder / "data"), *meats.LABELS)
    assert found.task == "regression"
    assert [(gate.metric, gate.output) for gate in found.evaluation.gates] == [
        ("rmse", label) for label in meats.LABELS
    ]
    assert len(found.trainer.features["numeric"]) == 100


def test_slices_are_columns_of_few_values_with_enough_rows(folder: Path) -> None:
    found = proposed(write("houses.csv", houses()), "price")
    assert [piece.columns for piece in found.evaluation.slices] == [("heating",), ("sold",)]


def test_taxi_is_recognised(folder: Path) -> None:
    found = proposed(taxi.write_csv(folder / "data"), taxi.LABEL)
    assert found.task == "binary"
    assert found.data.drop == ("pickup_census_tract",)
    assert found.trainer.features["categorical"] == ["payment_type", "company"]
    assert found.data.types == {}


def test_another_delimiter_and_a_span_pattern(folder: Path) -> None:
    for span in (1, 2):
        Path(f"span-{span}").mkdir()
        write(f"span-{span}/houses.csv", houses(), delimiter=";")
    found = proposed("span-{SPAN}/*.csv", "price")
    assert found.data.delimiter == ";"
    assert found.data.path == str(folder / "span-{SPAN}/*.csv")


def test_names_that_yaml_would_take_for_something_else(folder: Path) -> None:
    columns = houses()
    strange = {"no": columns["rooms"], "a: b": columns["size"], "1": columns["sold"], "#": columns["price"]}
    found = proposed(write("rows.csv", strange), "#")
    assert found.labels == ["#"]
    assert found.trainer.features["numeric"] == ["no", "a: b"]
    assert found.trainer.features["categorical"] == ["1"]


def test_a_few_stray_values_are_read_as_missing_and_shown(folder: Path) -> None:
    columns = houses()
    columns["rooms"][5] = "three"
    found = proposed(write("houses.csv", columns), "price")
    assert "three" in found.data.missing_values
    assert "- three  # 1 times, in rooms" in Path("out/mine.yaml").read_text()
    assert "rooms" in found.trainer.features["numeric"]


def test_numbers_as_spreadsheets_write_them_and_dates_are_left_out_and_told(folder: Path) -> None:
    columns = {
        "size": [f"{i % 90},{i % 7}" for i in range(200)],
        "price": [f"{i % 90 + 1},{i % 7:03d}.50 €" for i in range(200)],
        "share": [f"{i % 90}.5%" for i in range(200)],
        "day": [f"{i % 28 + 1:02d}.03.2024" for i in range(200)],
        "host": [f"10.0.0.{i % 90}" for i in range(200)],
        "offer": [f"{i % 5}%" for i in range(200)],
        "sold": ["yes", "no"] * 100,
    }
    csv = write("rows.csv", columns, ";")
    found = proposed(csv, "sold")
    assert found.data.drop == ("size", "price", "share", "day")
    assert found.trainer.features["categorical"] == ["host", "offer"]
    text = Path("out/mine.yaml").read_text()
    assert "- size  # numbers written like '0,0': write them like 1234.5, and take this line out" in text
    assert "- day  # dates such as '01.03.2024': numbers made of them" in text
    with pytest.raises(
        BadInput, match=r"rows.csv: label size: numbers are written like '0,0'; write them like"
    ):
        proposed(csv, "size", name="other")


def test_many_stray_values_make_a_column_text(folder: Path) -> None:
    columns = houses()
    for i in range(30):
        columns["rooms"][i] = f"about {i}"
    found = proposed(write("houses.csv", columns), "price")
    assert found.data.types == {"postcode": "text", "rooms": "text"}
    assert "rooms: text  # 'about 0' and others are no numbers" in Path("out/mine.yaml").read_text()


def said(csv: Path | str, *labels: str, name: str = "mine") -> str:
    with pytest.raises(BadInput) as caught:
        scaffold.new_pipeline(name, csv, labels, Path("out"))
    assert not Path("out").exists() or not list(Path("out").glob("*.part"))
    return str(caught.value).replace(f"{Path.cwd()}/", "")


def test_names_that_are_none(folder: Path) -> None:
    csv = write("houses.csv", houses())
    rule = "is no name of a pipeline: small letters, digits and _, a letter first"
    assert said(csv, "price", name="My Houses") == f"'My Houses' {rule}; for example my_houses"
    assert said(csv, "price", name="1") == f"'1' {rule}"
    assert said(csv, "price", name="") == f"'' {rule}"


def test_a_file_that_is_there_is_kept_unless_forced(folder: Path) -> None:
    csv = write("houses.csv", houses())
    path = scaffold.new_pipeline("mine", csv, ["price"], Path("out"))
    path.write_text("edited")
    assert said(csv, "price") == (
        "out/mine.yaml: is there already; take another name, or overwrite it with --force"
    )
    assert path.read_text() == "edited"
    scaffold.new_pipeline("mine", csv, ["price"], Path("out"), force=True)
    assert config.load(str(path)).labels == ["price"]


def test_labels_that_cannot_be_used(folder: Path) -> None:
    columns = houses()
    csv = write("houses.csv", columns)
    assert said(csv, "Price") == "houses.csv:1: no column 'Price' (the label); did you mean 'price'?"
    assert said(csv, "country") == (
        "houses.csv: label country has one class only, 'NL'; a classifier needs at least two"
    )
    assert said(csv, "remarks") == "houses.csv: label remarks: every value is missing; give the rows a label"
    assert said(csv, "reference") == (
        "houses.csv: label reference: 400 different texts in 400 rows are no classes that could be learned; take"
        " another label"
    )
    assert said(csv, "price", "sold").startswith("houses.csv:2: label sold: ")
    assert said(csv, "heating").startswith("houses.csv:5: label heating is missing (136 such rows)")
    columns["price"][7] = "dear"
    assert said(write("houses.csv", columns), "price").startswith(
        "houses.csv:9: column price (otherwise numeric): 'dear' is not a number; mend the row"
    )


def test_files_that_cannot_be_used(folder: Path) -> None:
    assert said("nothing.csv", "price").startswith("nothing.csv: no such file or folder; ")
    Path("empty.csv").touch()
    assert said("empty.csv", "price") == "empty.csv: the file is empty; it needs a header line and rows"
    write("one.csv", {"price": list(range(300))})
    assert said("one.csv", "price") == "one.csv: no column is left to learn from beside price"


def test_files_of_the_repository_are_named_from_there(folder: Path) -> None:
    found = proposed(REPOSITORY / "data" / "penguins" / "penguins.csv", "species")
    assert found.data.path == "data/penguins/penguins.csv"
    assert found.data.missing_values == ("", "NA")
    assert found.task == "multiclass"
    assert [piece.columns for piece in found.evaluation.slices] == [("sex",), ("island",), ("year",)]


def test_a_format_that_knows_its_types(folder: Path) -> None:
    table = pa.table(
        {
            "size": [30 + i % 97 / 2 for i in range(400)],
            "zone": [f"{i % 5}" for i in range(400)],
            "rooms": [i % 4 if i % 9 else None for i in range(400)],
            "sold": [i % 3 == 0 for i in range(400)],
        }
    )
    pyarrow.parquet.write_table(table, "houses.parquet")
    found = proposed("houses.parquet", "sold")
    assert (found.task, found.data.delimiter, found.data.types) == ("binary", ",", {})
    features = found.trainer.features
    assert (features["numeric"], features["categorical"]) == (["size", "rooms"], ["zone"])
    assert found.data.missing_values == ("",)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, pipeline.scaffold\n"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]"
