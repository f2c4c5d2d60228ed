"""From raw data to a pushed model, once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from components.serving_check import report as serving_report
from reports import words
from tests.end_to_end.project import COMPONENTS, REPOSITORY, Project, Result

ASK = """
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](
    x=tf.constant([0.9, -0.9]), y=tf.constant([0.9, -0.9]), color=tf.constant(["red", "blue"])
)
print(json.dumps({key: value.numpy().tolist() for key, value in answer.items()}, default=bytes.decode))
"""
HEAVY = """
import sys
from pipeline import cli
try:
    cli.main()
finally:
    print(sorted({"tensorflow", "tfx", "apache_beam"} & set(sys.modules)), file=sys.stderr)
"""


def test_first_run(first_run: tuple[Path, Path, Result], finished: Project) -> None:
    result = first_run[2]
    assert result.err == ""
    assert finished.executed() == list(COMPONENTS)
    assert finished.runs() == ["succeeded"]
    assert finished.served() == ["1"]
    lines = result.out.splitlines()
    assert re.fullmatch(r"toy: run \d{8}-\d{6}, log home/logs/toy/\d{8}-\d{6}\.log", lines[0])
    for component in COMPONENTS:
        assert [line for line in lines if re.match(rf"{component} +done +\d+\.\d s", line)], component
    assert [line for line in lines if re.fullmatch(r"examples   train 1\d\d, valid \d\d, eval 47", line)]
    assert "anomalies  none" in lines
    assert [line for line in lines if re.match(r"overall +accuracy +[01]\.\d{4} +>= 0\.8 +47 +ok", line)]
    assert "verdict    blessed" in lines
    passed = r"serving    passed: 3 signatures, REST and gRPC, p99 \d+\.\d ms, \d+ MB"
    assert [line for line in lines if re.fullmatch(passed, line)]
    assert f"pushed     {finished.home.serving('toy')}/1" in lines
    assert [line for line in lines if line.endswith("cached: nothing")]
    assert re.fullmatch(r"report     home/reports/toy/\d{8}-\d{6}\.html", lines[-1])
    assert "\x1b" not in result.out


def test_the_report_has_the_figures_of_the_artifacts(finished: Project) -> None:
    [report] = finished.home.report("toy", "").parent.glob("*.html")
    html = report.read_text()
    assert "This part cannot be made" not in html
    assert "Pushed as version 1." in html
    accuracy = next(row for row in finished.verdict()["metrics"] if row["metric"] == "accuracy")
    assert f">{words.number(accuracy['value'])}<" in html
    [run] = finished.home.pipeline_root("toy").glob("Trainer/model_run/*")
    curves = json.loads((run / "learning_curves.json").read_text())
    assert f"train ends at {words.number(curves['loss'][-1])}" in html
    layers = json.loads((run / "model.json").read_text())["layers"]
    assert all(f">{layer['name']}</td>" in html for layer in layers)


def test_the_verdict_is_kept(finished: Project) -> None:
    verdict = finished.verdict()
    assert verdict["blessed"] is True
    assert {row["slice"] for row in verdict["metrics"]} == {"overall", "color=red", "color=blue"}
    accuracy = finished.accuracy()
    assert accuracy["value"] >= 0.8
    assert (accuracy["lower"], accuracy["baseline"], accuracy["ok"], accuracy["examples"]) == (
        0.8,
        None,
        True,
        47,
    )


def test_the_served_model_was_asked_and_can_be_warmed_up(finished: Project) -> None:
    report = serving_report.read(Path(finished.artifact("ServingCheck", "blessing").uri))
    assert report is not None
    assert report["blessed"] is True
    assert report["not_checked"] == {}
    assert {name: found["fed"] for name, found in report["signatures"].items()} == {
        "serving_default": "features",
        "serving_examples": "examples",
        "transform_features": "examples",
    }
    assert {protocol: found["requests"] for protocol, found in report["latency_ms"].items()} == {
        "REST": 3 * 32,
        "gRPC": 3 * 32,
    }
    extra = finished.home.serving("toy") / "1" / "assets.extra"
    assert (extra / "tf_serving_warmup_requests").stat().st_size > 0
    assert json.loads((extra / "mlpipe.json").read_text())["model_id"] > 0


def test_plain_tensorflow_asks_the_pushed_model(finished: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(finished.home.serving("toy") / "1")],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["label"] == ["1", "0"] or answer["label"] == [["1"], ["0"]]
    (high,), (low,) = answer["probability"]
    assert high > 0.9
    assert low < 0.1


def test_nothing_changed_nothing_imported(finished: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, "run", "toy.yaml", "--home", "home"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0
    assert re.fullmatch(
        r"toy is up to date: run \d{8}-\d{6} used the same data, code and configuration\n", done.stdout
    )
    assert done.stderr == "[]\n"
    assert finished.runs() == ["succeeded"]
