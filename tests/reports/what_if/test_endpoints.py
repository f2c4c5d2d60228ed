"""What the page is told, of tables, pictures, texts and sentences; and what is wrong, in one line."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipeline.home import Home
from reports.what_if import counterfactual
from serving.client_types import Tensor
from tests.reports.what_if import birds
from tests.reports.what_if.asking import client_of, get, post

ROWS = birds.rows()
OWN = {"bill": "50", "island": "Dream", "mass": "3000"}
EXACT = {"bill": 50.0, "island": "Dream", "mass": 3000}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return client_of(birds.bird_home(tmp_path_factory.mktemp("home")), birds.FormulaModels())


def png(size: int = 28) -> bytes:
    file = io.BytesIO()
    Image.new("L", (size, size), 128).save(file, "PNG")
    return file.getvalue()


def test_pages_list_models_and_show_one(client: TestClient) -> None:
    index = client.get("/what-if/").text
    assert 'href="/what-if/birds?version=2"' in index
    page = client.get("/what-if/birds").text
    assert "120 held-out examples" in page
    assert "pushed by run 20261123-020000" in page


def test_the_form_and_the_scores_are_told(client: TestClient) -> None:
    model = get(client, "model")
    assert [field["kind"] for field in model["form"]] == ["number", "text", "whole"]
    assert (model["task"], model["outputs"], model["table"]) == ("binary", ["yes"], True)


def test_an_example_is_put_into_the_form_as_it_was_written(client: TestClient) -> None:
    example = get(client, "example", version=1, id=3)
    assert example["values"] == {**ROWS[3], "bill": round(ROWS[3]["bill"], 1)}
    assert example["scores"] == pytest.approx([birds.probability(ROWS[3])], abs=1e-6)
    assert example["truth"] == [{"name": "rare", "value": ["no", "yes"][birds.labels()[3]]}]
    told = post(client, "answer", {"values": example["values"]}, version=1)
    assert told["answers"][0]["scores"] == pytest.approx(example["scores"], abs=1e-6)


def test_examples_come_in_pages(client: TestClient) -> None:
    first = get(client, "examples", sort="id", order="up")
    assert (first["total"], first["pages"], [row["id"] for row in first["rows"]]) == (
        120,
        10,
        list(range(12)),
    )
    last = get(client, "examples", sort="id", order="up", page=9, column="island", wanted="Dream")
    assert last["rows"] == []
    assert last["total"] == sum(row["island"] == "Dream" for row in ROWS)


def test_two_versions_answer_side_by_side(client: TestClient) -> None:
    told = post(client, "answer", {"values": OWN}, version=2, against=1)
    assert [answer["version"] for answer in told["answers"]] == [2, 1]
    scores = [answer["scores"][0] for answer in told["answers"]]
    assert scores == [birds.probability(EXACT, 2), birds.probability(EXACT, 1)]
    assert [answer["label"] for answer in told["answers"]] == ["yes", "yes"]


def test_a_curve_is_the_brute_force_one(client: TestClient) -> None:
    told = post(client, "dependence", {"values": OWN, "feature": "bill"}, version=1)
    assert told["rows"] == 120
    for value, mean, own in zip(told["values"], told["mean"], told["own"], strict=True):
        scores = [birds.probability({**row, "bill": value}) for row in ROWS]
        assert mean == pytest.approx(np.mean(scores))
        assert own == pytest.approx(birds.probability({**EXACT, "bill": value}))
    assert 50 in told["values"]
    island = post(client, "dependence", {"values": OWN, "feature": "island"}, version=1)
    assert island["values"][-1] is None
    missing = [birds.probability({**row, "island": ""}) for row in ROWS]
    assert island["mean"][-1] == pytest.approx(np.mean(missing))


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("scale", ["std", "mad"])
def test_the_counterfactual_is_the_nearest_of_all_with_another_answer(
    client: TestClient, norm: str, scale: str
) -> None:
    told = post(client, "counterfactual", {"values": OWN, "norm": norm, "scale": scale}, version=1)
    widths = {
        name: counterfactual.deviation(
            np.array([row[name] for row in ROWS if row[name] is not None], float), scale
        )
        for name in ("bill", "mass")
    }

    def distance(row: dict[str, Any]) -> float:
        parts = [float(row["island"] != "Dream"), abs(row["mass"] - 3000) / widths["mass"]]
        parts.append(1.0 if row["bill"] is None else abs(row["bill"] - 50) / widths["bill"])
        return sum(parts) if norm == "l1" else float(np.sqrt(np.sum(np.square(parts))))

    assert birds.probability(EXACT) > 0.5
    other = [place for place, row in enumerate(ROWS) if birds.probability(row) <= 0.5]
    assert told["id"] == min(other, key=lambda place: distance(ROWS[place]))
    assert told["distance"] == pytest.approx(distance(ROWS[told["id"]]), rel=1e-6)
    apart = {row["name"]: row["apart"] for row in told["rows"]}
    assert apart["island"] == float(ROWS[told["id"]]["island"] != "Dream")


def test_a_threshold_decides_which_answers_are_other_ones(client: TestClient) -> None:
    told = post(client, "counterfactual", {"values": OWN, "threshold": 0.96}, version=1)
    assert told["wanted"] == "the other side of the threshold 0.96"
    assert told["scores"][0] > 0.96
    assert not post(client, "counterfactual", {"values": OWN, "threshold": 1}, version=1)["found"]


def test_the_matrix_at_a_threshold_and_by_slice(client: TestClient) -> None:
    true = np.array(birds.labels()) == 1
    scores = np.float32([birds.probability(row) for row in ROWS])
    told = post(client, "decisions", {"threshold": 0.3, "false_negative": 4}, version=1)["all"]
    assert told["tp"] == int((true & (scores > 0.3)).sum())
    assert told["fn"] == int((true & (scores <= 0.3)).sum())
    assert told["fp"] == int((~true & (scores > 0.3)).sum())
    assert told["cost"] == told["fp"] + 4 * told["fn"]
    asked = {"column": "island", "thresholds": {"Dream": 0.9}, "threshold": 0.2}
    by_slice = {s["name"]: s for s in post(client, "decisions", asked, version=1)["slices"]}
    dream = np.array([row["island"] == "Dream" for row in ROWS])
    assert by_slice["Dream"]["tp"] == int((true & dream & (scores > 0.9)).sum())
    assert by_slice["Biscoe"]["threshold"] == 0.2
    assert set(by_slice) == {*birds.ISLANDS, "missing"}


def test_a_constraint_brings_the_rates_of_the_slices_together(client: TestClient) -> None:
    asked = {"column": "island", "constraint": "opportunity", "tolerance": 0.05}
    told = post(client, "decisions", asked, version=1)
    assert told["left_out"] == ["missing"]
    rates = [s["recall"] for s in told["slices"] if s["name"] != "missing"]
    assert told["met"]
    assert max(rates) - min(rates) == pytest.approx(told["gap"])
    assert told["gap"] <= 0.05 + 1e-12


def test_versions_disagree_where_their_scores_are_furthest_apart(client: TestClient) -> None:
    told = get(client, "disagreement", version=1, against=2)
    apart = [abs(birds.probability(row, 1) - birds.probability(row, 2)) for row in ROWS]
    assert told["rows"][0]["id"] == int(np.argmax(apart))
    assert told["mean"] == pytest.approx(np.mean(apart), abs=1e-6)
    other = sum((birds.probability(row, 1) > 0.5) != (birds.probability(row, 2) > 0.5) for row in ROWS)
    assert told["other_answer"] == other > 0


@pytest.mark.parametrize(
    ("part", "body", "query", "line"),
    [
        ("answer", b"{", {}, "the request is no JSON"),
        ("answer", b"[" * 100_000, {}, "the request is no JSON"),
        ("answer", [1], {}, "the request is no JSON object"),
        ("answer", {}, {}, "the request has no values"),
        ("answer", b"x" * (10 * 2**20 + 1), {}, "this is too large: 10 MB at most"),
        ("answer", {"values": OWN}, {"version": 7}, "birds has no version 7"),
        ("answer", {"values": OWN}, {"version": "x"}, "version: 'x' is no version number"),
        ("dependence", {"values": {**OWN, "mass": "a"}, "feature": "bill"}, {}, "mass: 'a' is no number"),
        ("dependence", {"values": OWN, "feature": "wing"}, {}, "'wing' is no feature"),
        ("dependence", {"values": OWN, "feature": "bill", "output": 5}, {}, "no scores"),
        ("counterfactual", {"values": OWN, "norm": "l3"}, {}, "distance: 'l3'"),
        ("decisions", {"threshold": "high"}, {}, "threshold: 'high' is no number"),
        ("decisions", {"false_positive": -1}, {}, "false_positive: '-1' is too small"),
        ("decisions", {"column": "wing"}, {}, "there is no column 'wing'"),
        ("decisions", {"constraint": "luck"}, {}, "there is no constraint 'luck'"),
        ("decisions", {"output": 2}, {}, "output: 2"),
        ("answer-picture", png(), {}, "version 2 takes no pictures"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    client: TestClient, part: str, body: Any, query: dict[str, Any], line: str
) -> None:
    problem = post(client, part, body, **query)["problem"]
    assert line in problem
    assert "\n" not in problem


def test_what_is_not_there_is_one_line(client: TestClient) -> None:
    assert (
        "no pushed model of a pipeline 'bards'; did you mean birds?"
        in get(client, "model", "bards")["problem"]
    )
    assert get(client, "example", id=999)["problem"] == "there is no example 999 among these 120"
    assert "no id" in get(client, "example", id="../x")["problem"]
    assert "is no number" in get(client, "examples", column="bill", wanted="<b>")["problem"]
    assert "no page" in get(client, "examples", page=-1)["problem"]
    assert client.get("/what-if/birds/picture", params={"id": 1}).status_code == 404
    wrong = client.get("/what-if/birds", params={"version": "<script>"})
    assert wrong.status_code == 404
    assert "<script>" not in wrong.text


def test_a_version_that_was_deleted_is_one_line(home: Home) -> None:
    client = client_of(home, birds.FormulaModels())
    assert get(client, "model", version=1)["version"] == 1
    shutil.rmtree(home.serving("birds") / "1")
    problem = post(client, "answer", {"values": OWN}, version=1)["problem"]
    assert problem.startswith("birds has no version 1 in")
    assert problem.endswith("there is 2")


def test_without_held_out_examples_a_form_can_be_filled(tmp_path: Path) -> None:
    client = client_of(birds.home_of(tmp_path), birds.FormulaModels())
    page = client.get("/what-if/birds").text
    assert "There is no predictions.parquet" in page
    assert "mlpipe run birds --from Evaluator" in page
    assert "no predictions.parquet" in get(client, "examples")["problem"]
    assert "no predictions.parquet" in post(client, "decisions", {})["problem"]
    told = post(client, "answer", {"values": OWN})
    assert told["answers"][0]["scores"] == [birds.probability(EXACT)]
    assert told["answers"][0]["label"] == "yes"


def test_pictures_are_asked_as_they_were_encoded(tmp_path: Path) -> None:
    home = birds.home_of(tmp_path, "shirts")
    picture = png()
    birds.write_predictions(
        birds.evaluation(home, pipeline="shirts"),
        "multiclass",
        ["label"],
        ["Bag", "Shirt"],
        example=pa.array([birds.serialized({"image": picture, "label": "Bag"})], pa.binary()),
        raw_label=["Bag"],
        label=["Bag"],
        predicted=["Shirt"],
        scores=pa.FixedSizeListArray.from_arrays(pa.array([0.25, 0.75], pa.float32()), 2),
        loss=[1.4],
    )
    models = birds.OneAnswer(
        "serving_bytes",
        {"image_bytes": Tensor("DT_STRING", (-1,))},
        {"probabilities": [0.25, 0.75], "label": "Shirt"},
    )
    client = client_of(home, models)
    model = get(client, "model", "shirts")
    assert (model["picture"], model["table"], model["signature"]) == (True, False, "serving_bytes")
    assert client.get("/what-if/shirts/picture", params={"id": 0}).content == picture
    told = post(client, "answer-picture", picture, "shirts")["answers"][0]
    assert (told["scores"], told["label"]) == ([0.25, 0.75], "Shirt")
    assert models.asked == [{"image_bytes": picture}]
    for wrong, line in ((b"GIF89a", "no picture"), (picture[:50], "damaged"), (b"", "no picture")):
        assert line in post(client, "answer-picture", wrong, "shirts")["problem"]
    matrix = post(client, "decisions", {"output": 1, "threshold": 0.5}, "shirts")["all"]
    assert (matrix["fp"], matrix["tn"]) == (1, 0)


def test_several_numbers_have_a_curve_and_a_counterfactual_each(tmp_path: Path) -> None:
    home = birds.home_of(tmp_path, "meats")
    values = np.arange(10.0)
    birds.write_predictions(
        birds.evaluation(home, pipeline="meats"),
        "regression",
        ["fat", "water"],
        [],
        raw_x=pa.array(values, pa.float32()),
        label_fat=pa.array(values, pa.float32()),
        label_water=pa.array(values, pa.float32()),
        prediction_fat=pa.array(values, pa.float32()),
        prediction_water=pa.array(10 - values, pa.float32()),
        loss=pa.array(values, pa.float32()),
    )
    models = birds.OneAnswer(
        "serving_default", {"x": Tensor("DT_FLOAT", (-1,))}, {"fat": [4.0], "water": [6.0]}
    )
    client = client_of(home, models)
    told = post(client, "answer", {"values": {"x": "4"}}, "meats")["answers"][0]
    assert (told["scores"], told["label"]) == ([4.0, 6.0], None)
    curve = post(client, "dependence", {"values": {"x": "4"}, "feature": "x", "output": 1}, "meats")
    assert (curve["output"], set(curve["mean"])) == ("water", {6.0})
    found = post(client, "counterfactual", {"values": {"x": "4"}, "output": 0}, "meats")
    spread = float(np.std(values))
    assert found["id"] == min((x for x in values if abs(x - 4) >= spread), key=lambda x: abs(x - 4))
    assert "thresholds are for classes" in post(client, "decisions", {}, "meats")["problem"]


def test_a_sentence_is_answered_word_by_word(tmp_path: Path) -> None:
    home = birds.home_of(tmp_path, "names")
    birds.write_predictions(
        birds.evaluation(home, pipeline="names"),
        "tagging",
        ["tags"],
        [],
        text=["Ada Lovelace"],
        prediction=["first last"],
        reference=["first last"],
        loss=pa.array([0.0], pa.float32()),
    )
    models = birds.OneAnswer(
        "serving_default", {"tokens": Tensor("DT_STRING", (-1, -1))}, {"tags": ["first", "last"]}
    )
    client = client_of(home, models)
    model = get(client, "model", "names")
    assert (model["outputs"], model["form"][0]["kind"]) == ([], "tokens")
    assert get(client, "example", "names", id=0)["values"] == {"tokens": "Ada Lovelace"}
    told = post(client, "answer", {"values": {"tokens": "Ada Lovelace"}}, "names")["answers"][0]
    assert told["other"] == [{"name": "tags", "pairs": [["Ada", "first"], ["Lovelace", "last"]]}]
    assert models.asked == [{"tokens": ["Ada", "Lovelace"]}]
    for part in ("dependence", "counterfactual"):
        asked = {"values": {"tokens": "Ada"}, "feature": "tokens"}
        assert post(client, part, asked, "names")["problem"] == "the answers of this model are no scores"


def test_nothing_pushed_is_said(tmp_path: Path) -> None:
    assert "nothing was pushed" in client_of(Home(tmp_path), birds.FormulaModels()).get("/what-if/").text
