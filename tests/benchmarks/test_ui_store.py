from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import ui_store
from pipeline import lineage, metadata, pushes, runs
from pipeline.home import Home
from tests.pipeline.records import Recorder


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    source = Recorder(Home(tmp_path_factory.mktemp("source")))
    source.run("20261123-010000")
    home = Home(tmp_path_factory.mktemp("filled"))
    ui_store.fill(source.home, home, "penguin", 6)
    return home


def test_runs_are_like_the_one_that_was_copied(filled: Home) -> None:
    store = metadata.open_store(filled)
    found = runs.list_runs(store, "penguin")
    assert [run.state for run in found] == [*["succeeded"] * 4, "gate_failed", "succeeded"]
    assert [run.id for run in found][-2:] == ["20261122-233000", "20261122-234500"]
    assert [found[n].node("Transform").state for n in (0, 1, 2)] == ["complete", "cached", "complete"]
    assert {run.node("Trainer").state for run in found} == {"complete"}
    assert sorted(pushes.pushed_models(store, "penguin")) == [1, 2, 3, 4, 5, 6]


def test_what_is_cached_was_made_by_the_run_before(filled: Home) -> None:
    store = metadata.open_store(filled)
    second = runs.list_runs(store, "penguin")[1]
    model = runs.outputs_of(store, second.node("Trainer"))["model"]
    graph = lineage.upstream(store, model.id)
    made_in = {step.node: step.run for step in graph.steps.values()}
    assert made_in["Trainer"] == second.id
    assert made_in["Transform"] == runs.list_runs(store, "penguin")[0].id


def test_a_home_without_a_run_is_told(tmp_path: Path) -> None:
    source = Recorder(Home(tmp_path / "source"))
    source.run("a", state="failed")
    with pytest.raises(SystemExit, match="no run of penguin has succeeded there"):
        ui_store.fill(source.home, Home(tmp_path / "target"), "penguin", 1)
