"""`mlpipe data`: the list names each loader, and what is got appears whole."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.errors import BadInput
from data.registry import DATASETS, Dataset
from pipeline import cli, data_command


def mlpipe(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["mlpipe", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_each_data_set_has_a_loader() -> None:
    for dataset in DATASETS:
        module, _, function = dataset.loader.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert dataset.layout in ("folders", "idx", "table", "weights") or dataset.layout.startswith("text: ")
    assert len({dataset.name for dataset in DATASETS}) == len(DATASETS)


def test_the_list_is_not_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert mlpipe("data", "list", monkeypatch=monkeypatch) == 0
    shown = capsys.readouterr().out
    for dataset in DATASETS:
        (line,) = (line for line in shown.splitlines() if line.startswith(f"{dataset.name} "))
        for text in (dataset.what, dataset.licence, dataset.origin):
            assert text in line


def test_get_writes_below_the_home_and_says_how_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mlpipe("data", "get", "planar", "--home", str(tmp_path), monkeypatch=monkeypatch) == 0
    path = tmp_path / "data" / "planar" / "planar.csv"
    assert capsys.readouterr().out == f"wrote {path}\nin a pipeline: data: {{path: {path}}}\n"
    assert path.is_file()


def test_get_says_how_texts_lie_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mlpipe("data", "get", "names", "--to", str(tmp_path / "new"), monkeypatch=monkeypatch) == 0
    path = tmp_path / "new" / "names.conll"
    assert capsys.readouterr().out == f"wrote {path}\nin a pipeline: data: {{text: conll, path: {path}}}\n"
    assert path.is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plana"], "mlpipe: no data set 'plana'; did you mean planar?\n"),
        (
            ["planar", "--download"],
            "mlpipe: --download: planar is not fetched from its makers; it comes from: generated",
        ),
    ],
)
def test_what_cannot_be_got(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mlpipe("data", "get", *arguments, "--to", str(tmp_path / "x"), monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.startswith(said)
    assert list(tmp_path.iterdir()) == []


def dataset(monkeypatch: pytest.MonkeyPatch, write: object) -> Dataset:
    monkeypatch.setitem(sys.modules, "data.small", SimpleNamespace(write=write))  # type: ignore[arg-type]
    return Dataset("small", "data.small:write", "folders", "", "", "", "a package")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(folder: Path, download: bool = False) -> Path:
        folder.mkdir()
        (folder / "a").write_text("x")
        if not download:
            raise BadInput("nowhere")
        return folder

    small = dataset(monkeypatch, write)
    with pytest.raises(BadInput, match="nowhere"):
        data_command.write(small, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    assert data_command.write(small, tmp_path / "out", download=True) == tmp_path / "out"
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]
    with pytest.raises(
        BadInput, match=r"out: is there already; use it, remove it, or name another folder with --to$"
    ):
        data_command.write(small, tmp_path / "out", download=True)
