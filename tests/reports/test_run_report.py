from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import BadInput, UserError
from pipeline import work
from pipeline.copies import Copies
from pipeline.report_command import report
from reports import run_facts, run_report
from tests.pipeline.records import Recorder
from tests.reports import trained

RUNS = ("20261123-010000", "20261123-020000", "20261123-040000", "20261124-050000", "20261124-060000")


def unmade(html: str) -> list[str]:
    return re.findall(r"This part cannot be made: [^<]*", html)


@pytest.mark.parametrize("run", RUNS)
def test_every_run_has_a_report(past: Recorder, run: str) -> None:
    html = run_report.html(run_facts.find(past.home, "penguin", run))
    assert unmade(html) == []
    assert [section for section, _, _ in run_report.SECTIONS] == re.findall(r'<section id="([^"]*)"', html)


def test_artifacts_that_are_gone_are_named_and_nothing_breaks(recorder: Recorder) -> None:
    shutil.rmtree(recorder.home.pipeline_root("penguin"))
    html = run_report.html(run_facts.find(recorder.home, "penguin", "v2"))
    assert unmade(html) == []
    for gone in ("statistics of StatisticsGen", "model run of Trainer", "evaluation of Evaluator"):
        assert re.search(rf"The {gone} \(artifact \d+\) is gone: its folder is missing\.", html), gone


def test_a_damaged_artifact_costs_its_part_alone(recorder: Recorder) -> None:
    facts = run_facts.find(recorder.home, "penguin", "v2")
    trained.leave(facts, "learning_curves.json", ["no", "curves"])
    html = run_report.html(facts)
    assert len(unmade(html)) >= 1
    assert "Pushed as version 2." in html


def test_a_record_without_our_properties(recorder: Recorder) -> None:
    facts = run_facts.find(recorder.home, "penguin", "v2")
    context = recorder.store.get_context_by_type_and_name("pipeline_run", facts.id)
    for name in list(context.custom_properties):
        context.custom_properties[name].string_value = ""
    recorder.store.put_contexts([context])
    html = run_report.html(run_facts.find(recorder.home, "penguin", "v2"))
    assert unmade(html) == []
    assert "This run has recorded no configuration." in html


def test_the_file_is_whole_or_not_there(
    past: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = run_facts.find(past.home, "penguin", "v1")
    run_report.write(facts, tmp_path / "new" / "v1.html")
    assert (tmp_path / "new" / "v1.html").read_text().endswith("</html>")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        run_report.write(facts, tmp_path / "other" / "v1.html")
    assert list((tmp_path / "other").iterdir()) == []


def test_the_command(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    home = recorder.home.root
    report("penguin", "v1", home=home)
    assert capsys.readouterr().out == f"{home}/reports/penguin/20261123-010000.html\n"
    assert recorder.home.report("penguin", "20261123-010000").is_file()
    report("penguin", "v1", to=home / "here.html", home=home)
    assert (home / "here.html").is_file()
    capsys.readouterr()
    report("penguin", "v1", card=True, home=home)
    assert capsys.readouterr().out.startswith("# penguin, version 1\n")
    with pytest.raises(UserError, match=r"metadata\.sqlite/x\.html: cannot be written: "):
        report("penguin", "v1", to=home / "metadata.sqlite" / "x.html", home=home)
    with pytest.raises(BadInput, match="did you mean penguin"):
        report("pengin", home=home)


def test_a_run_does_not_fail_for_want_of_its_report(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    run = "20261123-010000"
    work.report(Copies(recorder.home), "penguin", run, recorder.store)
    written = recorder.home.report("penguin", run)
    assert capsys.readouterr().out == f"report     {written}\n"
    shutil.rmtree(recorder.home.root / "reports")
    (recorder.home.root / "reports").write_text("a file in the way")
    work.report(Copies(recorder.home), "penguin", run, recorder.store)
    assert capsys.readouterr().out.startswith(
        "warning: there is no report of this run: [Errno 20] Not a directory"
    )


def test_nothing_heavy_is_imported(past: Recorder) -> None:
    script = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
from pipeline.copies import Copies
from pipeline.home import Home
from reports import run_facts, run_report
run_report.html(run_facts.find(Home(Path({str(past.home.root)!r})), "penguin", "v2"))
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"tensorflow", "tfx", "apache_beam", "keras", "pandas"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "[]\n", done.stderr
