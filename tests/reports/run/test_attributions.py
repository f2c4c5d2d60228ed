"""The section on attributions: figures are those of the artifact, of tables, texts and images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reports.page import page
from reports.run import attributions
from reports.run_facts import Missing

EVIL = "<img src=x onerror=alert(1)>"


@dataclass
class Facts:
    """What the section asks of a run."""

    at: Path
    config: dict[str, Any]
    task: str = "binary"

    def folder(self, node: str, key: str) -> Path:
        assert (node, key) == ("Attributions", "attributions")
        return self.at

    def json(self, node: str, key: str, name: str) -> Any:
        file = self.folder(node, key) / name
        if not file.exists():
            raise Missing(f"There is no {name}.")
        return json.loads(file.read_text())


def row(feature: str, importance: float, share: float, name: str = "overall", **more: Any) -> dict[str, Any]:
    return {
        "slice": name, "output": "", "feature": feature, "examples": 90, "importance": importance,
        "lower": importance - 0.1, "upper": importance + 0.1, "share": share, **more,
    }  # fmt: skip


def shown(folder: Path, **changes: Any) -> str:
    """The page of attributions of two features, with these changes."""
    rows = [
        row("fare", 0.25, 0.8, value=0.9),
        row(EVIL, 0.0625, 0.2, value=0.9),
        row("fare", 0.5, 0.7, "place=A", value=0.9),
        row(EVIL, 0.25, 0.3, "place=A", value=0.9),
    ]
    found = {
        "metric": "auc",
        "examples": 90,
        "permutation": {"repeats": 4, "rows": rows},
        "gradients": None,
        "drift": None,
        "max_drift": None,
    }
    (folder / "attributions.json").write_text(json.dumps({**found, **changes}))
    return page("a run", [attributions.section(Facts(folder, {"attributions": {}}))])  # type: ignore[arg-type]


def gradients(**more: Any) -> dict[str, Any]:
    completeness = {"largest_gap": 0.001, "mean_gap": 0.0005, "mean_difference": 0.25}
    rows = [row("fare", 0.3, 1.0, mean=-0.2)]
    return {
        "steps": 50, "examples": 30, "baseline": "zeros", "completeness": completeness, "rows": rows, **more,
    }  # fmt: skip


def test_permutation_alone(tmp_path: Path) -> None:
    html = shown(tmp_path)
    assert "Permutation importance: what auc loses" in html
    for figure in ("0.2500", "0.150 to 0.350", "80.0 %", "70.0 %"):
        assert figure in html
    assert html.count("<svg") == 1
    assert "There are no gradients" in html
    assert EVIL not in html


def test_words_of_texts(tmp_path: Path) -> None:
    tokens = {
        "for": [
            {"token": "good", "examples": 9, "mean": 0.125},
            {"token": "bad", "examples": 7, "mean": -0.5},
        ],
        "against": [
            {"token": "bad", "examples": 7, "mean": -0.5},
            {"token": "good", "examples": 9, "mean": 0.125},
        ],
    }
    samples = [{"answer": 0.75, "tokens": [["good", 0.2], [EVIL, -0.1]]}]
    html = shown(tmp_path, gradients=gradients(tokens=tokens, samples=samples))
    assert html.count(">good</td>") == html.count(">bad</td>") == 1
    assert "var(--series-1) 70%" in html
    assert "var(--series-2) 35%" in html
    assert "which is 0.2500 on average; they miss it by 0.000500 on average, by 0.00100 at most" in html
    assert EVIL not in html


def test_pictures_of_images(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("01.png", "mean.png"):
        Image.new("L", (8, 8)).save(tmp_path / "pictures" / name)
    named = [{"file": "01.png", "answer": 0.875}, {"file": "gone.png", "answer": 0.5}]
    html = shown(tmp_path, gradients=gradients(pictures=named, mean_picture="mean.png"))
    assert html.count('<img src="data:image/png;base64,') == 2
    assert "87.5% sure" in html


def test_drift_beyond_its_bound_is_marked(tmp_path: Path) -> None:
    rows = [
        {"output": "", "feature": "fare", "share": 0.8, "former": 0.5, "change": 0.3},
        {"output": "", "feature": "miles", "share": 0.2, "former": 0.1, "change": 0.1},
    ]
    html = shown(tmp_path, drift={"method": "permutation", "rows": rows}, max_drift=0.2)
    assert '<td class="num bad">+30.0 %' in html
    assert '<td class="num">+10.0 %' in html
    assert "attributions.drift allows 20.0 %" in html


def test_none_are_measured_or_were_made(tmp_path: Path) -> None:
    off = attributions.section(Facts(tmp_path, {"attributions": None, "name": "toy"}))  # type: ignore[arg-type]
    assert "turns them on" in off.empty
    texts = attributions.section(Facts(tmp_path, {"attributions": None}, "translation"))  # type: ignore[arg-type]
    assert texts.empty.startswith("There are none for the task translation")
    with pytest.raises(Missing):
        attributions.section(Facts(tmp_path, {"attributions": {}}))  # type: ignore[arg-type]
