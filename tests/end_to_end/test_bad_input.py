"""Every mistake ends in one line with its exit code; nothing is pushed and the metadata is left in order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BadInput
from components.columnar_example_gen import examples
from components.columnar_example_gen.options import ReaderOptions
from pipeline import metadata
from tests.end_to_end.project import Project, mlpipe, rows

GOOD = rows()


def line_3(text: str) -> str:
    """GOOD with another text on its third line."""
    lines = GOOD.splitlines()
    lines[2] = text
    return "\n".join(lines) + "\n"


def assert_in_order(project: Project) -> None:
    """No run and no execution looks alive, nothing was pushed."""
    assert project.served() == []
    if project.home.metadata.exists():
        store = metadata.open_store(project.home)
        assert "running" not in project.runs()
        assert not [e for e in store.get_executions() if e.last_known_state == e.RUNNING]


def one_line(project: Project, *arguments: str, code: int = 2) -> str:
    """What `mlpipe run` says on stderr."""
    result = project.run(*arguments)
    assert result.code == code, result
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.out
    assert_in_order(project)
    return result.err.removeprefix("mlpipe: ").rstrip("\n").replace(f"{project.folder}/", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "rows.csv: the file is empty; it needs a header line and rows"),
        ("x,y,color,label\n", "rows.csv: there is a header but no row below it; add rows"),
        (
            line_3("1,2,red,0,5"),
            "rows.csv:3: too many fields: 5 for 4 columns ('1,2,red,0,5'); mend the row, or quote fields that hold a"
            " ','",
        ),
        (
            line_3("much,0.5,red,1"),
            "rows.csv:3: column x (otherwise numeric): 'much' is not a number; mend the row, list the value under"
            " data.missing_values, or declare data.types: {x: text}",
        ),
        (line_3("NaN,0.5,red,1"), "rows.csv:3: column x (otherwise numeric): 'NaN' is not a number (NaN); "),
        (
            line_3("inf,0.5,red,1"),
            "rows.csv:3: column x (otherwise numeric): 'inf' is infinite, or too large for a 32-bit float; ",
        ),
        (
            GOOD.replace("label", "lable", 1),
            "rows.csv:1: no column 'label' (the label); did you mean 'lable'?",
        ),
        (
            re.sub(r",[01]\n", ",1\n", GOOD),
            "rows.csv: label label has one class only, '1'; a classifier needs at least two",
        ),
        (
            line_3("1,2,red,5"),
            "rows.csv: label label has 3 classes (0, 5, 1); task: binary needs two, or set task: multiclass",
        ),
        (line_3("1,2,red,"), "rows.csv:3: label label is missing (1 such rows); "),
        (GOOD.replace(",", ";"), "rows.csv:1: one column only, 'x;y;color;label'; set data.delimiter to ';'"),
        (
            "x,y,color,label\n1,2,red,0\n",
            "rows.csv: label label has one class only, '0'; a classifier needs at least two",
        ),
        (GOOD.replace("x,y", "x,x", 1), "rows.csv:1: columns 1 and 2 are both named 'x'; rename one"),
        (line_3('1,"2,red,0'), 'rows.csv:3: a quote (") is opened and never closed; close it'),
        (
            line_3("1,2,r\xe9d,0"),
            "rows.csv:3: byte 0xe9 at offset",
        ),
    ],
)
def test_data(content: str, said: str, fresh: Project) -> None:
    Path("rows.csv").write_bytes(content.encode("latin1"))
    assert one_line(fresh).startswith(said)


def test_a_label_in_eval_that_train_never_saw(fresh: Project) -> None:
    options = ReaderOptions(labels=["label"], task="multiclass")
    for attempt in range(200):
        extra = "".join(f"0.{attempt},0.{i},red,9\n" for i in range(2))
        Path("rows.csv").write_text(GOOD + extra)
        try:
            examples.build({"all": ["rows.csv"]}, options, {"train": 7, "valid": 1, "eval": 2})
        except BadInput:
            break
    said = one_line(fresh, "--set", "task=multiclass")
    assert re.match(
        r"rows\.csv:20[23]: label label: class '?9'? is in split (eval|valid) but not in train; give train rows",
        said,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "data.path=row.csv"], "row.csv: no such file or folder; nearest in "),
        (
            ["--set", "trainer.training.epoch=1"],
            "--set trainer.training.epoch=1: trainer.training.epoch: unknown key",
        ),
        (["--until", "Trianer"], "no component 'Trianer'; did you mean Trainer?"),
        (["--only", "Trainer", "--until", "Trainer"], "--only and --until: give one of them"),
        (["--from", "Trianer"], "no component 'Trianer'; did you mean Trainer?"),
        (
            ["--only", "Trainer"],
            "--only Trainer: the last run did not get as far as Trainer; run without --only",
        ),
        (
            ["--set", "evaluation.slices=[colour]"],
            "evaluation.slices: the data has no column 'colour'; did you mean color? (if_missing: skip leaves such a"
            " slice out)",
        ),
        (["--set", "schema.curated=none.pbtxt"], "schema.curated: no such file: none.pbtxt"),
        (
            ["--set", "data={loader: data.nothing:write}"],
            "data.loader: no 'data.nothing:write'; write it as module:function",
        ),
        (["--set", "trainer.module=mine"], "--set trainer.module=mine: trainer.module: no module 'mine'"),
        (
            [
                "--set",
                "serving_check={with: infra_validator, infra_validator: {docker_host: 'unix:///none.sock'}}",
            ],
            "serving_check.with: infra_validator needs Docker, and none answers at unix:///none.sock; start it, or take"
            " serving_check.with: embedded, which needs neither Docker nor Kubernetes",
        ),
        (["--fource"], "No such option: --fource"),
    ],
)
def test_command_line(arguments: list[str], said: str, fresh: Project) -> None:
    assert one_line(fresh, *arguments).startswith(said)


def test_unknown_pipeline(fresh: Project) -> None:
    result = mlpipe("run", "pengin", "--home", str(fresh.home.root))
    assert result.code == 2
    assert result.err == "mlpipe: unknown pipeline 'pengin'; did you mean penguin?\n"


def test_a_folder_that_is_a_file(fresh: Project) -> None:
    result = mlpipe("run", "toy.yaml", "--home", "rows.csv")
    assert result.code == 2
    assert result.err == f"mlpipe: --home {fresh.folder}/rows.csv: is a file; name a folder\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 800 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_home_on_a_full_disk(fresh: Project, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(2**20))
    result = mlpipe("run", "toy.yaml", "--home", str(small_disk / "home"))
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert re.search("cannot be written: the disk is full|No space left on device", result.err)


def test_home_on_a_disk_that_cannot_be_written(fresh: Project, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    result = mlpipe("run", "toy.yaml", "--home", str(small_disk / "home"))
    assert result.code == 1
    root = small_disk / "home" / "pipelines" / "toy"
    assert result.err == (
        f"mlpipe: {root}: cannot be written (Read-only file system); make it writable for this user, or name another"
        " --home\n"
    )


@pytest.mark.slow
def test_disk_full_while_pushing(finished: Project, small_disk: Path) -> None:
    served = small_disk / "served"
    assert finished.run("--set", f"push.directory={served}").code == 0
    assert [entry.name for entry in served.iterdir()] == ["1"]
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(bytes(2**20))
    finished.change("epochs: 20", "epochs: 21")
    result = finished.run("--set", f"push.directory={served}")
    assert result.code == 1
    assert result.err.startswith(
        f"mlpipe: push to {served} failed: No space left on device; version 1 stays served; log: "
    )
    assert len(result.err.splitlines()) == 1
    assert [entry.name for entry in served.iterdir()] == ["1"]
    assert finished.states()["Pusher"] == "failed"
    assert finished.runs() == ["succeeded", "succeeded", "failed"]

    (small_disk / "filler").unlink()
    assert finished.run("--set", f"push.directory={served}").code == 0
    assert finished.executed() == ["Pusher"]
    assert sorted(entry.name for entry in served.iterdir()) == ["1", "2"]


@pytest.mark.slow
def test_a_trainer_module_that_raises(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(finished.folder))
    Path("broken_model.py").write_text(
        "from trainer_modules.tabular import preprocessing_fn\n\n\n"
        "def run_fn(fn_args):\n"
        "    print('many lines of noise')\n"
        "    raise RuntimeError('no such layer:\\nmore lines')\n"
    )
    finished.change("trainer_modules.tabular", "broken_model")
    result = finished.run()
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("mlpipe: Trainer failed: RuntimeError: no such layer: (")
    assert "/broken_model.py:6); log: home/logs/toy/" in result.err
    assert "    raise RuntimeError('no such layer:\\nmore lines')" in result.out
    assert "many lines of noise" not in result.out
    log = Path(result.err.rstrip().rpartition("log: ")[2]).read_text()
    assert "many lines of noise" in log
    assert "Traceback (most recent call last)" in log
    assert finished.states()["Trainer"] == "failed"
    assert finished.runs() == ["succeeded", "failed"]
    assert finished.served() == ["1"]
