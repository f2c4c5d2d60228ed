"""Images from raw files to a pushed model that takes a PNG."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.project import REPOSITORY, mlpipe

pytestmark = pytest.mark.slow
SAMPLE = REPOSITORY / "data" / "fashion_mnist_sample"
PIPELINE = """\
name: clothes
task: multiclass
label: label
data: {images: idx, path: images, splits: {train: 4, valid: 1, eval: 1}}
trainer:
  module: trainer_modules.image_classifier
  model: {architecture: simple_cnn}
  training: {epochs: 30, batch_size: 16, learning_rate: 0.003}
evaluation:
  gates: [{metric: accuracy, lower: 0.5}]
  slices: [label, brightness, size]
  mistakes: 3
optimizer: {max_loss: 0.1, gate: fail}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(SAMPLE, tmp_path / "images")
    (tmp_path / "clothes.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_clothes(folder: Path) -> None:
    home = ("--home", str(folder / "home"))
    result = mlpipe("run", "clothes.yaml", *home)
    assert result.code == 0, result.err
    assert "eval 100" in result.out
    assert "verdict    blessed" in result.out
    assert "serving    passed: 4 signatures, REST and gRPC" in result.out
    assert "edge       float32, float16, dynamic, int8 of 4 forms kept" in result.out
    assert "wrong; most often" in result.out
    (evaluation,) = (folder / "home" / "pipelines" / "clothes" / "Evaluator" / "evaluation").iterdir()
    assert len(list((evaluation / "mistakes").glob("0[123]_true-*_predicted-*.png"))) == 3
    verdict = json.loads((evaluation / "verdict.json").read_text())
    slices = {row["slice"]: row["examples"] for row in verdict["metrics"]}
    assert slices["label=Sneaker"] == 10
    assert slices["size=middle"] == 100
    assert sum(slices[f"brightness={name}"] for name in ("dark", "middle", "bright")) == 100
    edge = folder / "home" / "serving" / "clothes" / "1" / "assets.extra" / "edge"
    sizes = {form: (edge / form / "model.tflite").stat().st_size for form in ("float32", "float16", "int8")}
    assert sizes["int8"] <= 0.3 * sizes["float32"]
    classes = (SAMPLE / "classes.txt").read_text().splitlines()
    assert (edge / "int8" / "labels.txt").read_text().splitlines() == sorted(classes)
    assert mlpipe("run", "clothes.yaml", *home).out.startswith("clothes is up to date")

    pixels = gzip.decompress((SAMPLE / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((SAMPLE / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    names = (SAMPLE / "classes.txt").read_text().splitlines()
    right = 0
    paths = []
    for index, image in enumerate(np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28)[:20]):
        paths += ["--image", f"{index}.png"]
        Image.fromarray(image).save(f"{index}.png")
    answers = mlpipe("predict", "clothes", *paths, "--local", "--output", "json", *home)
    assert answers.code == 0, answers.err
    for index, line in enumerate(answers.out.splitlines()):
        answer = json.loads(line)
        right += answer["label"] == names[labels[index]]
    assert right >= 10


def test_a_form_that_loses_too_much_ends_the_run(folder: Path) -> None:
    path = folder / "clothes.yaml"
    path.write_text(path.read_text().replace("max_loss: 0.1", "max_loss: 0.0, signature: nothing"))
    result = mlpipe(
        "run", "clothes.yaml", "--set", "trainer.training.epochs=12", "--home", str(folder / "home")
    )
    assert result.code == 3, result.err
    assert result.err.startswith("mlpipe: edge gate: nothing pushed: ")
    assert "nothing" in result.err
    assert not (folder / "home" / "serving" / "clothes" / "1").exists()


def test_an_image_that_is_cut_off_is_named(folder: Path) -> None:
    images = folder / "images"
    shutil.rmtree(images)
    for name in ("cat", "dog"):
        (images / name).mkdir(parents=True)
        for index in range(3):
            shade = Image.fromarray(np.full([8, 8], 40 * index, np.uint8))
            shade.save(images / name / f"{index}.png")
    whole = (images / "cat" / "1.png").read_bytes()
    (images / "cat" / "1.png").write_bytes(whole[:30])
    result = mlpipe("run", "clothes.yaml", "--set", "data.images=folders", "--home", str(folder / "home"))
    assert result.code == 2
    assert "cat/1.png" in result.err
    assert len(result.err.strip().splitlines()) == 1
