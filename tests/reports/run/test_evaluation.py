"""The section on the evaluation, of artifacts of each task; figures in it are the artifacts' own."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from reports.page import page
from reports.run import evaluation
from reports.run_facts import Missing

EVIL = "<script>alert(1)</script>"


@dataclass
class Facts:
    """What a section asks of a run, with an evaluation in a folder."""

    at: Path
    task: str
    labels: list[str]
    slices: list[list[str]] = field(default_factory=list)

    @property
    def config(self) -> dict[str, Any]:
        return {"evaluation": {"slices": [{"columns": columns} for columns in self.slices]}}

    def folder(self, node: str, key: str) -> Path:
        if node == "Evaluator" and (self.at / "evaluation").exists():
            return self.at / "evaluation"
        if node == "Trainer" and (self.at / "model_run").exists():
            return self.at / "model_run"
        raise Missing(f"There is no {key}.")

    def json(self, node: str, key: str, name: str) -> Any:
        return json.loads((self.folder(node, key) / name).read_text())

    def keep(self, name: str, value: Any) -> None:
        (self.at / "evaluation").mkdir(exist_ok=True)
        (self.at / "evaluation" / name).write_text(json.dumps(value))

    def answers(self, total: int, classes: list[str], **columns: Any) -> None:
        """Write predictions.parquet; `raw_x` is the feature x."""
        named = {
            re.sub("^(raw|label|score|prediction)_", r"\1.", name): values for name, values in columns.items()
        }
        count = len(next(iter(columns.values())))
        metadata = {
            "examples": str(total),
            "task": self.task,
            "label": json.dumps(self.labels),
            "classes": json.dumps(classes),
        }
        table = pa.table({"id": range(count), "example": [b""] * count, **named})
        parquet.write_table(
            table.replace_schema_metadata(metadata), self.at / "evaluation" / "predictions.parquet"
        )

    def html(self) -> str:
        return page("a run", [evaluation.section(self)])  # type: ignore[arg-type]


def row(metric: str, value: float | None, name: str = "overall", **changes: Any) -> dict[str, Any]:
    return {
        "slice": name, "output": "", "metric": metric, "value": value, "lower": None, "upper": None,
        "change": None, "baseline": None, "ok": None, "examples": 200, **changes,
    }  # fmt: skip


def cells(html: str, first: str) -> list[str]:
    """The text of the cells of the row that begins with one."""
    found = next(one for one in re.findall(r"<tr>(.*?)</tr>", html, re.S) if f"<td>{first}</td>" in one)
    return [
        " ".join(re.sub("<[^>]*>", " ", cell).split())
        for cell in re.findall(r"<td.*?>(.*?)</td>", found, re.S)
    ]


@pytest.fixture
def binary(tmp_path: Path) -> Facts:
    """200 trips: those of the place `B` are answered by chance."""
    random = np.random.default_rng(0)
    place = np.array([*"AB"] * 100)
    true = random.integers(0, 2, 200)
    sure = np.where(true == 1, 0.95, 0.05)
    scores = np.where(place == "A", sure, np.where(random.random(200) < 0.5, sure, 1 - sure))
    facts = Facts(tmp_path, "binary", ["tip"], [["place"]])
    right = (scores > 0.5) == (true == 1)
    verdict = [
        row("accuracy", float(right.mean()), baseline=float(right.mean()) - 0.05, lower=0.5, ok=True),
        row("accuracy", 1.0, "place=A", examples=100),
        row("accuracy", float(right[place == "B"].mean()), "place=B", examples=100, lower=0.9, ok=False),
        row("auc", None),
    ]
    facts.keep("verdict.json", {"metrics": verdict})
    facts.keep("calibration.json", {"expected_calibration_error": 0.2, "bins": []})
    facts.keep("confusion.json", {"classes": ["no", "yes"], "counts": [[90, 10], [5, 95]], "unknown": [0, 0]})
    facts.answers(
        200, ["no", "yes"],
        raw_place=place.tolist(), raw_fare=random.random(200), raw_tip=true,
        label_tip=true, score_tip=scores, loss=-np.log(np.where(true == 1, scores, 1 - scores)),
    )  # fmt: skip
    return facts


def test_metrics_are_those_of_the_verdict_with_intervals_and_changes(binary: Facts) -> None:
    html = binary.html()
    overall = binary.json("Evaluator", "evaluation", "verdict.json")["metrics"][0]
    examples, accuracy, auc = cells(html, "overall")[1:]
    assert examples == "200"
    assert accuracy.startswith(f"{overall['value']:.4f} ✓")
    assert accuracy.endswith("+0.0500")
    assert auc == "not a number"
    # Wilson's interval of 100 of 100.
    assert "0.963 to 1.00" in cells(html, "place=A")[2]
    assert "✗" in cells(html, "place=B")[2]


def test_the_worst_slice_and_the_gap_are_found(binary: Facts) -> None:
    html = binary.html()
    worst = cells(html, "place = B")
    assert worst[1] == "100"
    assert worst[-1] == "0.0 %"
    assert "tip = " not in html
    gap = cells(html, "<b>largest gap</b>")
    assert "may be chance" in gap[2]
    assert "above" in gap[4]


def test_curves_fit_the_task(binary: Facts) -> None:
    html = binary.html()
    assert html.count("<svg") == 5
    for caption in (
        "ROC; the area under it is",
        "Precision and recall",
        "Calibration",
        "Confusion: 185 of 200",
    ):
        assert caption in html


def test_an_evaluation_of_an_older_version_has_its_metrics(binary: Facts) -> None:
    (binary.at / "evaluation" / "predictions.parquet").unlink()
    html = binary.html()
    assert "There is no predictions.parquet" in html
    assert cells(html, "overall")[1] == "200"
    assert "<svg" not in html
    with pytest.raises(Missing):
        Facts(binary.at / "elsewhere", "binary", ["tip"]).html()


def test_pictures_of_mistakes_are_small_and_in_the_page(tmp_path: Path) -> None:
    facts = Facts(tmp_path, "multiclass", ["label"], [])
    facts.keep("verdict.json", {"metrics": [row("accuracy", 0.5)]})
    folder = tmp_path / "evaluation" / "mistakes"
    folder.mkdir()
    Image.new("RGB", (600, 300), (200, 30, 30)).save(folder / "01.png")
    (folder / "02.png").write_bytes(b"no picture")
    mistakes = [
        {"rank": 1, "true": EVIL, "predicted": "cat", "confidence": 0.9, "features": {}, "files": ["01.png"]},
        {
            "rank": 2,
            "true": None,
            "predicted": "cat",
            "confidence": 0.8,
            "features": {},
            "files": ["../../02.png"],
        },
    ]
    (folder / "mistakes.json").write_text(json.dumps(mistakes))
    html = facts.html()
    (picture,) = re.findall(r'<img src="data:image/png;base64,([^"]*)"', html)
    assert Image.open(io.BytesIO(__import__("base64").b64decode(picture))).size == (112, 56)
    assert EVIL not in html
    assert "&lt;script&gt;" in html
    assert "of an unknown class" in html


def test_a_regression_of_two_labels(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    facts = Facts(tmp_path, "regression", ["fat", "water"], [])
    facts.keep(
        "verdict.json",
        {"metrics": [row("rmse", 1.0, output="fat", baseline=0.5), row("rmse", 2.0, output="water")]},
    )
    true = random.normal(size=120)
    facts.answers(
        120, [],
        label_fat=true, prediction_fat=true + 1, label_water=true, prediction_water=true - 2, loss=np.ones(120),
    )  # fmt: skip
    html = facts.html()
    assert html.count("<svg") == 4
    assert "Errors of fat, predicted minus true: mean 1, standard deviation" in html
    assert 'class="bad">+0.5000' in html
    assert "None is worse for certain" in html


def test_single_classes_have_intervals_of_their_counts(tmp_path: Path) -> None:
    facts = Facts(tmp_path, "multiclass", ["label"], [])
    of_cats = {"class": "cat", "examples": 10}
    rows = [row(metric, 0.8, "class cat", **of_cats) for metric in ("f1", "precision", "recall")]
    facts.keep("verdict.json", {"metrics": [row("accuracy", 0.96), *rows]})
    # Wilson's of 8 of 10; of f1 that of 8 of the 12 that are cats or were taken for them.
    precision, f1 = "0.490 to 0.943", "0.562 to 0.926"
    facts.keep("confusion.json", {"classes": ["cat", "dog"], "counts": [[8, 2], [2, 88]], "unknown": [0, 0]})
    assert cells(facts.html(), "class cat")[2:] == ["", f"0.8000 {f1}", *[f"0.8000 {precision}"] * 2]
    facts.keep("confusion.json", {"classes": 3})
    assert cells(facts.html(), "class cat")[2:] == ["", "0.8000", "0.8000", f"0.8000 {precision}"]


def test_what_has_no_interval_says_why(tmp_path: Path) -> None:
    facts = Facts(tmp_path, "embedding", [], [])
    facts.keep("verdict.json", {"metrics": [row("bits_gained", 0.2), row("perplexity", 20.0)]})
    words = {"text": [*"abcdefgh"], "tokens": [5.0] * 8, "loss": np.linspace(2.8, 3.2, 8)}
    facts.answers(8, [], **words)
    told = "There is no interval of bits_gained: predictions.parquet has no column unigram_loss"
    assert told in facts.html()
    assert "no interval of perplexity" not in facts.html()
    facts.answers(8, [], **words, unigram_loss=np.linspace(2.9, 3.4, 8))
    assert "There is no interval" not in facts.html()
    assert " to " in cells(facts.html(), "overall")[2]


def test_translations_have_samples_and_attention(tmp_path: Path) -> None:
    facts = Facts(tmp_path, "translation", ["target"], [])
    facts.keep("verdict.json", {"metrics": [row("bleu", 21.5), row("exact_match", 0.1)]})
    count = 40
    facts.answers(
        count, [],
        raw_target=["r"] * count, text=[f"text {n}" for n in range(count)],
        prediction=[EVIL, *["answer"] * (count - 1)], reference=["reference"] * count,
        tokens=[3.0] * count, loss=[9.0, *np.linspace(1, 2, count - 1)],
    )  # fmt: skip
    (tmp_path / "model_run").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "model_run" / "attention-1.png")
    html = facts.html()
    assert "21.50" in cells(html, "overall")[2]
    assert "to" in cells(html, "overall")[3]
    assert EVIL not in html
    assert html.index("text 0<") < html.index("text 39<")
    assert 'alt="attention of translation 1"' in html
