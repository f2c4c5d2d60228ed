"""What runs again after a change, proved by counting executions in the metadata."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import metadata
from tests.end_to_end.project import COMPONENTS, Project, rows

pytestmark = pytest.mark.slow
UP_TO_DATE = "toy is up to date: "


def test_hyperparameters_rerun_training_and_what_follows(finished: Project) -> None:
    finished.change("epochs: 20", "epochs: 15")
    assert finished.run().code == 0
    assert finished.executed() == ["Trainer", "Evaluator", "ServingCheck", "Pusher"]
    assert finished.served() == ["1", "2"]


def test_a_gate_reruns_the_evaluation(finished: Project) -> None:
    finished.change("lower: 0.8", "lower: 0.7")
    assert finished.run().code == 0
    assert finished.executed() == ["Evaluator", "Pusher"]
    assert finished.served() == ["1"]
    assert finished.counts()["Trainer"] == {"complete": 1, "cached": 1}


def test_more_mistakes_rerun_the_evaluation(finished: Project) -> None:
    assert finished.run("--set", "evaluation.mistakes=1").code == 0
    assert finished.executed() == ["Evaluator", "Pusher"]
    folder = Path(finished.artifact("Evaluator", "evaluation").uri)
    counts = json.loads((folder / "confusion.json").read_text())["counts"]
    kept = folder / "mistakes" / "mistakes.json"
    assert len(json.loads(kept.read_text()) if kept.exists() else []) == min(1, counts[0][1] + counts[1][0])


def test_a_row_reruns_everything(finished: Project) -> None:
    with Path("rows.csv").open("a") as file:
        file.write("0.5,0.6,red,1\n")
    assert finished.run().code == 0
    assert finished.executed() == list(COMPONENTS)
    assert finished.served() == ["1", "2"]


def test_touching_the_data_changes_nothing(finished: Project) -> None:
    os.utime("rows.csv")
    result = finished.run()
    assert result.code == 0
    assert result.out.startswith(UP_TO_DATE)
    assert finished.runs() == ["succeeded"]


def test_a_comment_in_the_configuration_changes_nothing(finished: Project) -> None:
    finished.change("name: toy", "# points\nname: toy")
    assert finished.run().out.startswith(UP_TO_DATE)


def test_other_data_and_back_again(finished: Project) -> None:
    Path("rows.csv").write_text(rows(seed=2))
    assert finished.run().code == 0
    assert finished.executed() == list(COMPONENTS)
    Path("rows.csv").write_text(rows())
    assert finished.run().code == 0
    states = finished.states()
    assert [states[c] for c in ("ExampleGen", "Transform", "Trainer")] == ["cached"] * 3


def test_from_reruns_a_component_and_what_follows(finished: Project) -> None:
    assert finished.run("--from", "Trainer").code == 0
    assert finished.executed() == ["Trainer", "Evaluator", "ServingCheck", "Pusher"]


def test_force_reruns_everything(finished: Project) -> None:
    assert finished.run("--force").code == 0
    assert finished.executed() == list(COMPONENTS)


def test_only_runs_one_component(finished: Project) -> None:
    result = finished.run("--only", "Evaluator")
    assert result.code == 0
    assert finished.executed() == ["Evaluator"]
    assert finished.counts()["Pusher"]["complete"] == 1
    assert finished.served() == ["1"]
    # Such a run says nothing of the whole pipeline.
    assert not finished.run().out.startswith(UP_TO_DATE)


def test_until_stops_after_a_component(finished: Project) -> None:
    result = finished.run("--force", "--until", "SchemaGen")
    assert result.code == 0
    assert finished.executed() == ["ExampleGen", "StatisticsGen", "SchemaGen"]
    assert "examples   train " in result.out
    assert finished.served() == ["1"]
    assert not finished.run().out.startswith(UP_TO_DATE)


def test_a_deleted_version_is_pushed_again(finished: Project) -> None:
    shutil.rmtree(finished.home.serving("toy"))
    assert finished.run().code == 0
    assert finished.executed() == ["Pusher"]
    assert (finished.home.serving("toy") / "1" / "saved_model.pb").is_file()
    assert finished.run().out.startswith(UP_TO_DATE)


@pytest.fixture
def own_module(finished: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A trainer module in the project's folder, which imports a helper from there and the rest from tabular."""
    monkeypatch.syspath_prepend(str(finished.folder))
    Path("helper.py").write_text("SCALE = 2.0\n")
    Path("unrelated.py").write_text("A = 1\n")
    module = Path("own_model.py")
    module.write_text(
        "from helper import SCALE\n"
        "from trainer_modules import tabular\n"
        "from trainer_modules.tabular import run_fn\n\n\n"
        "def preprocessing_fn(inputs, custom_config):\n"
        "    inputs = {**inputs, 'x': inputs['x'] * SCALE}\n"
        "    return tabular.preprocessing_fn(inputs, custom_config)\n"
    )
    finished.change("trainer_modules.tabular", "own_model")
    yield module
    _forget()


def _forget() -> None:
    """What a new process would not know."""
    for name in ("own_model", "helper"):
        sys.modules.pop(name, None)


def test_edited_preprocessing_reruns_transform_and_what_follows(finished: Project, own_module: Path) -> None:
    from_transform = ["Transform", "Trainer", "Evaluator", "ServingCheck", "Pusher"]
    result = finished.run()
    assert result.code == 0, result.err
    assert finished.executed() == from_transform
    assert finished.run().out.startswith(UP_TO_DATE)

    Path("unrelated.py").write_text("A = 2\n")
    assert finished.run().out.startswith(UP_TO_DATE)

    Path("helper.py").write_text("SCALE = 3.0\n")
    _forget()
    assert finished.run().code == 0
    assert finished.executed() == from_transform
    assert finished.counts()["ExampleGen"] == {"complete": 1, "cached": 2}


def test_an_edited_curated_schema_reruns_what_depends_on_it(finished: Project) -> None:
    shutil.copy(Path(finished.artifact("SchemaGen", "schema").uri, "schema.pbtxt"), "curated.pbtxt")
    finished.change("trainer:", "schema: {curated: curated.pbtxt}\ntrainer:")
    assert finished.run().code == 0
    assert "StatisticsGen" not in finished.executed()
    assert {"SchemaGen", "ExampleValidator", "Transform"} <= set(finished.executed())
    assert finished.run().out.startswith(UP_TO_DATE)

    with Path("curated.pbtxt").open("a") as file:
        file.write("# looked over\n")
    result = finished.run()
    assert result.code == 0, result.err
    assert not result.out.startswith(UP_TO_DATE)
    assert "SchemaGen" in finished.executed()


def test_executions_carry_what_they_were_made_of(finished: Project) -> None:
    store = metadata.open_store(finished.home)
    nodes = metadata.node_contexts(store, "toy")
    for component in ("ExampleGen", "ExampleValidator", "Evaluator", "ServingCheck", "Pusher"):
        (execution,) = metadata.executions_of(store, nodes[component])
        assert len(metadata.properties(execution)["code"]) == 64
    (transform,) = metadata.executions_of(store, nodes["Transform"])
    assert '"code"' in metadata.properties(transform)["custom_config"]
