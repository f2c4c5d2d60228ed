from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.trainer_modules import contract, text_data
from trainer_modules import text_classifier

ODD = ["", "   ", "🙂🙂 ¡qué! 漢字 مرحبا", "unheard-of words entirely", "great " * 3000, "great\ngreat\tfilm"]


def config(task: str = "binary", **sections: Any) -> dict[str, Any]:
    training = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, **sections.pop("training", {})}
    small = {"architecture": "bilstm", "embedding": 8, "units": 8, "max_tokens": 60}
    model = sections.pop("model", {})
    if model.get("architecture") in ("average", "transformer"):
        del small["units"]
    tokenizer = {"min_frequency": 1, "strip_html": True}
    return {
        "task": task,
        "labels": ["label"],
        "features": {"tokenizer": tokenizer, **sections.pop("features", {})},
        "model": {**small, **model},
        "training": training,
        **sections,
    }


def prepare(
    folder: Path, custom_config: dict[str, Any], train: pd.DataFrame | None = None, valid: Any = None
) -> contract.Prepared:
    splits = {
        "train": text_data.frame(64) if train is None else train,
        "valid": text_data.frame(16, start=200) if valid is None else valid,
    }
    return contract.prepare(folder, splits, text_classifier.preprocessing_fn, custom_config)


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


SMALL: dict[str, dict[str, Any]] = {
    "average": {"hidden": 8},
    "gru": {"layers": 2, "bidirectional": True, "pooling": "mean"},
    "lstm": {},
    "bilstm": {},
    "stacked_lstm": {"bidirectional": True, "pooling": "max", "embedding_dropout": 0.1},
    "textcnn": {"widths": [1, 3, 5], "keep": "last"},
    "transformer": {"heads": 2, "layers": 1},
}
QUICK = ("average",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tmp_path, config(model={"architecture": name, **SMALL[name]}))
    answers = contract.keep(prepared, text_classifier.run_fn, monkeypatch)
    truth = np.array(["bad", "good"])[answers["transform_features"]["label_xf"]]
    np.testing.assert_array_equal(truth, text_data.frame(16, start=200)["label"])
    assert (Path(prepared.model_dir()) / "assets" / "class_names.txt").read_text().splitlines() == [
        "bad",
        "good",
    ]
