"""A wrong model and wrong data end the run before they do harm."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.project import Project, rows

pytestmark = pytest.mark.slow


def test_a_wrong_model_is_not_pushed(finished: Project) -> None:
    # Labels that tell nothing: no model can be right.
    Path("rows.csv").write_text(rows(wrong=0.5))
    result = finished.run()
    assert result.code == 3
    assert len(result.err.splitlines()) == 1
    assert re.match(
        r"mlpipe: model gate: not blessed, nothing pushed: accuracy 0\.\d+ on overall \(at least 0\.8, last blessed",
        result.err,
    )
    assert finished.served() == ["1"]
    assert finished.runs() == ["succeeded", "gate_failed"]
    *_, report = sorted(finished.home.report("toy", "").parent.glob("*.html"))
    assert "Not pushed: a gate did not let it pass." in report.read_text()
    assert "Pusher" not in finished.states()
    verdict = finished.verdict()
    assert verdict["blessed"] is False
    accuracy = finished.accuracy()
    assert (accuracy["lower"], accuracy["ok"]) == (0.8, False)
    assert accuracy["value"] < 0.8
    assert re.search(
        r"overall +accuracy +0\.\d{4} +>= 0\.8, at most 0\.1 worse +0\.\d{4} +\d+ +FAILED", result.out
    )
    assert "verdict    NOT blessed" in result.out

    # The same again does not slip through the cache.
    again = finished.run()
    assert again.code == 3
    assert finished.states()["Evaluator"] == "cached"
    assert finished.served() == ["1"]

    # A repaired pipeline goes on from the version that was there.
    Path("rows.csv").write_text(rows(seed=5))
    assert finished.run().code == 0
    assert finished.served() == ["1", "2"]


def test_a_bad_slice_alone_is_not_pushed(fresh: Project) -> None:
    lines = rows(count=400).splitlines()
    header, *data = lines
    # Reds have wrong labels: too few to spoil the whole.
    spoilt = [
        line[:-1] + str(1 - int(line[-1])) if "red" in line and i % 4 == 0 else line
        for i, line in enumerate(data)
    ]
    Path("rows.csv").write_text("\n".join([header, *spoilt]) + "\n")
    fresh.change("lower: 0.8, max_drop: 0.1", "lower: 0.8, slices: true")
    result = fresh.run("--set", "trainer.features.exclude=[color]")
    assert result.code == 3, result.out
    assert "on color=red (at least 0.8)" in result.err
    assert "on overall" not in result.err
    assert fresh.served() == []


def curated(project: Project) -> None:
    """From now on the schema of the first run is the one that counts."""
    shutil.copy(Path(project.artifact("SchemaGen", "schema").uri, "schema.pbtxt"), "curated.pbtxt")
    project.change("trainer:", "schema: {curated: curated.pbtxt}\ntrainer:")


def test_a_value_out_of_its_domain_ends_the_run_before_transform(finished: Project) -> None:
    curated(finished)
    with Path("rows.csv").open("a") as file:
        file.write("0.5,0.6,green,1\n" * 30)
    result = finished.run()
    assert result.code == 3
    assert len(result.err.splitlines()) == 1
    assert re.match(
        r"mlpipe: data gate: \w+: color: Unexpected string values: .*green.* all anomalies are in ",
        result.err,
    )
    states = finished.states()
    assert states["ExampleValidator"] == "complete"
    assert "Transform" not in states
    artifact = finished.artifact("ExampleValidator", "anomalies")
    assert artifact.custom_properties["anomaly_count"].int_value >= 1
    assert list(Path(artifact.uri).glob("Split-*/SchemaDiff.pb"))
    assert finished.runs() == ["succeeded", "gate_failed"]
    assert finished.served() == ["1"]
    # The same again does not slip through the cache.
    assert finished.run().code == 3


def test_a_missing_column_ends_the_run_before_transform(finished: Project) -> None:
    curated(finished)
    text = re.sub(r"^([^,]*),[^,]*,", r"\1,", Path("rows.csv").read_text(), flags=re.MULTILINE)
    Path("rows.csv").write_text(text)
    result = finished.run()
    assert result.code == 3
    assert "mlpipe: data gate: eval: y: Column dropped: " in result.err
    assert "(and 2 more)" in result.err
    assert "Transform" not in finished.states()


def test_drift_from_span_to_span(fresh: Project) -> None:
    def span(number: int, text: str) -> None:
        folder = Path("spans", f"span-{number}")
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text(text)

    def redder(seed: int) -> str:
        return rows(seed=seed).replace("blue", "red", 80)

    fresh.change("rows.csv", "'spans/span-{SPAN}/rows.csv'")
    fresh.change("trainer:", "schema: {drift: {color: 0.05}}\ntrainer:")
    span(1, rows(seed=1))
    assert fresh.run().code == 0

    span(2, redder(2))
    result = fresh.run()
    assert result.code == 3
    assert re.match(r"mlpipe: data gate: train: color: High .*between current and previous", result.err)
    assert "Transform" not in fresh.states()
    assert fresh.served() == ["1"]

    # Span 2 did not pass, so that span 3 is measured against span 1 again.
    span(3, redder(3))
    result = fresh.run()
    assert result.code == 3
    assert "data gate: train: color: High" in result.err

    span(4, rows(seed=4))
    result = fresh.run()
    assert result.code == 0, result.err
    assert fresh.served() == ["1", "2"]
    assert fresh.artifact("StatisticsGen", "statistics").properties["span"].int_value == 4
