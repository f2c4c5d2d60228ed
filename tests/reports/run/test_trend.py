from __future__ import annotations

import shutil

from reports import run_facts
from reports.run import trend
from tests.pipeline.records import Recorder


def test_the_runs_up_to_this_one_with_their_pushes(past: Recorder) -> None:
    points = trend.history(run_facts.find(past.home, "penguin", "20261123-040000"))
    assert [(p.run, p.rows["", "accuracy"]["value"], p.version, p.kind) for p in points] == [
        ("20261123-010000", 0.97, 1, "pushed"),
        ("20261123-020000", 0.97, 1, "pushed"),
        ("20261123-030000", 0.98, 2, "pushed"),
        ("20261123-040000", 0.5, None, "not blessed"),
    ]
    html = trend.section(run_facts.find(past.home, "penguin", "last")).html
    assert 'aria-label="accuracy over the last 4 evaluated runs; now 0.5000"' in html
    assert "<strong>20261124-060000</strong>" not in html
    assert 'href="20261123-030000.html"' in html


def test_one_run_is_no_trend(past: Recorder) -> None:
    found = trend.section(run_facts.find(past.home, "penguin", "20261123-010000"))
    assert found.empty == "There is no trend yet: only this run was evaluated."


def test_evaluations_that_are_gone_are_left_out(recorder: Recorder) -> None:
    facts = run_facts.find(recorder.home, "penguin", "v2")
    shutil.rmtree(facts.folder("Evaluator", "evaluation"))
    assert [point.run for point in trend.history(facts)] == ["20261123-010000", "20261123-020000"]


def test_another_pipeline_is_no_part_of_it(recorder: Recorder) -> None:
    other = Recorder(recorder.home, "taxi")
    other.run("20261123-035959", accuracy=0.6, bound=0.5)
    assert len(trend.history(run_facts.find(recorder.home, "taxi"))) == 1
    assert len(trend.history(run_facts.find(recorder.home, "penguin"))) == 4
