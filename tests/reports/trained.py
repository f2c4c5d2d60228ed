"""What a Trainer and a Tuner leave behind, in small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reports.run_facts import RunFacts

CURVES = {
    "epoch": [1, 2, 3],
    "loss": [0.9, 0.5, 0.41],
    "val_loss": [0.8, 0.6, 0.63],
    "accuracy": [0.5, 0.8, 0.9],
    "best_epoch": 2,
    "stopped_early": True,
    "resumed_after_epoch": 1,
    "parameters": 371,
    "steps": 45,
    "steps_per_epoch": 15,
    "seed": 42,
    "seconds": 6.0,
    "train_examples": 240,
    "valid_examples": 36,
}
TRIALS = [
    {"trial_id": "1", "score": 0.1, "learning_rate": 0.01, "layers": 2},
    {"trial_id": "0", "score": 0.3, "learning_rate": 0.0001, "layers": 2},
    {"trial_id": "2", "score": 0.7, "learning_rate": 0.001, "layers": 1},
]


def layer(name: str, *inputs: str, shape: Any = None, parameters: int = 0, **more: Any) -> dict[str, Any]:
    """A layer of model.json."""
    settings = more.pop("settings", {})
    about = {"kind": "Dense", "settings": settings, "shape": shape or [4], "trainable": True}
    return {"name": name, **about, "parameters": parameters, "inputs": list(inputs), **more}


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    """A model.json."""
    parameters = sum(one["parameters"] for one in layers)
    about = {"name": "net", "parameters": parameters, "trainable_parameters": parameters, "connected": True}
    return {**about, "layers": list(layers)}


BRANCHES = model(
    layer("numbers", shape=[10]),
    layer("words", shape=[2]),
    layer("both", "numbers", "words", shape=[12]),
    layer("hidden", "both", shape=[None, 16], parameters=320, settings={"units": 16, "activation": "relu"}),
    layer("sum", "hidden", "both", parameters=51),
)


def leave(facts: RunFacts, name: str, content: Any) -> Path:
    """Write a JSON file into the ModelRun artifact."""
    path = facts.folder("Trainer", "model_run") / name
    path.write_text(json.dumps(content))
    return path
