from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import BadInput
from pipeline import cli, lineage, lineage_report, metadata
from pipeline.home import Home
from pipeline.lineage import Edge
from tests.pipeline.records import Recorder, _event

PIPELINE = "penguin"


def model(recorder: Recorder, version: int) -> int:
    return lineage_report.find(recorder.store, "model", str(version), None)


def test_the_last_model_is_the_one_pushed_last(past: Recorder) -> None:
    assert lineage_report.find(past.store, "model", "last", PIPELINE) == lineage_report.find(
        past.store, PIPELINE, None, None
    )


def nodes(graph: lineage.Graph) -> list[tuple[str, str]]:
    return [(step.node, step.run) for _, step in sorted(graph.steps.items())]


def test_upstream_names_the_runs_that_really_ran(past: Recorder) -> None:
    graph = lineage.upstream(past.store, model(past, 2))
    first, third = "20261123-010000", "20261123-030000"
    expected = [(node, first) for node in ("ExampleGen", "StatisticsGen", "SchemaGen", "Transform")]
    assert nodes(graph) == [*expected, ("Trainer", third)]


def test_upstream_of_an_evaluation_stops_at_the_former_model(past: Recorder) -> None:
    former, current = model(past, 1), model(past, 2)
    [evaluation] = [a.id for a in lineage.downstream(past.store, current).of_type("ModelEvaluation")]
    graph = lineage.upstream(past.store, evaluation)
    assert former not in graph.artifacts
    assert [s.references for s in graph.steps.values() if s.references] == [
        [lineage.Edge("baseline_model", former)]
    ]


def test_downstream_does_not_take_a_comparison_for_an_offspring(past: Recorder) -> None:
    graph = lineage.downstream(past.store, model(past, 1))
    assert nodes(graph) == [(node, "20261123-010000") for node in ("Evaluator", "ServingCheck", "Pusher")]
    assert model(past, 2) not in graph.artifacts


def test_downstream_of_examples_reaches_all_models_once(past: Recorder) -> None:
    examples = lineage_report.find(past.store, "examples", str(first_examples(past)), None)
    graph = lineage.downstream(past.store, examples)
    assert len(graph.of_type("Model")) == 3
    assert len(graph.of_type("ModelEvaluation")) == 3
    assert len(graph.of_type("PushedModel")) == 3
    assert len(nodes(graph)) == len(set(nodes(graph))) == 16


def first_examples(recorder: Recorder) -> int:
    return min(a.id for a in recorder.store.get_artifacts_by_type("Examples"))


def test_a_model_compared_with_itself_ends(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    store = recorder.store
    candidate = recorder.run("r1")["Trainer"]["model"]
    # TFX's own resolver takes a cached candidate that is blessed for the baseline, and writes one event for both.
    node = metadata.node_contexts(store, PIPELINE)["Evaluator"]
    run = metadata.register_run(store, PIPELINE, "r2", {})
    [again] = metadata.executions_of(store, node)
    again.ClearField("id")
    again.name = "again"
    both, made = mlmd.Event(type=mlmd.Event.INPUT), mlmd.Event(type=mlmd.Event.OUTPUT)
    both.path.steps.extend([mlmd.Event.Path.Step(key=key) for key in ("model", "baseline_model")])
    made.path.steps.add(key="evaluation")
    [old] = store.get_artifacts_by_type("ModelEvaluation")
    evaluation = mlmd.Artifact(type_id=old.type_id, uri=f"{old.uri}9")
    [model_artifact] = store.get_artifacts_by_id([candidate])
    store.put_execution(again, [(model_artifact, both), (evaluation, made)], [node, run])
    found = lineage_report.upstream(store, candidate)["evaluations"]
    assert [(e["made_by"]["run"], e["baseline"]) for e in found] == [
        ("r1", None),
        ("r2", {"id": candidate, "type": "Model", "versions": [1]}),
    ]


def test_attributions_do_not_come_of_those_that_they_are_compared_with(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    store = recorder.store
    models = [recorder.run(f"r{seed}", trainer={"seed": seed})["Trainer"]["model"] for seed in (1, 2)]
    execution_type = store.put_execution_type(mlmd.ExecutionType(name="Attributions"))
    artifact_type = store.put_artifact_type(mlmd.ArtifactType(name="FeatureAttributions"))
    made: list[int] = []
    for model_id in models:
        read = {"model": store.get_artifacts_by_id([model_id])[0]}
        if made:
            read["former"] = store.get_artifacts_by_id(made)[0]
        pairs = [(artifact, _event(mlmd.Event.INPUT, [key])) for key, artifact in read.items()]
        attributions = mlmd.Artifact(type_id=artifact_type, uri=str(tmp_path / str(model_id)))
        pairs.append((attributions, _event(mlmd.Event.OUTPUT, ["attributions"])))
        execution = mlmd.Execution(type_id=execution_type, last_known_state=mlmd.Execution.COMPLETE)
        contexts = [
            recorder._context("node", f"{PIPELINE}.Attributions"),
            recorder._context("pipeline_run", "r1"),
        ]
        made += store.put_execution(execution, pairs, contexts)[1][-1:]
    of_first = lineage.downstream(store, models[0]).of_type("FeatureAttributions")
    assert [artifact.id for artifact in of_first] == made[:1]
    assert models[0] not in lineage.upstream(store, made[1]).artifacts
    [step] = [step for step in lineage.upstream(store, made[1]).steps.values() if step.references]
    assert step.references == [Edge("former", made[0])]


def test_uses_counts_the_cache(past: Recorder) -> None:
    assert lineage.uses(past.store, first_examples(past)) == (
        3,
        ["20261123-020000", "20261123-030000", "20261123-040000"],
    )
    assert lineage.uses(past.store, model(past, 2)) == (0, [])


def test_many_steps_are_placed_like_few(past: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    few = lineage.downstream(past.store, first_examples(past))
    monkeypatch.setattr(lineage, "_FEW", 0)
    assert lineage.downstream(past.store, first_examples(past)) == few


def test_the_whole_answer_about_a_model(past: Recorder) -> None:
    answer = json.loads(json.dumps(lineage_report.upstream(past.store, model(past, 2))))
    assert answer["pipeline"] == PIPELINE
    assert answer["made_by"]["run"] == "20261123-030000"
    [data] = answer["data"]
    assert (data["span"], data["splits"]) == (0, ["train", "valid", "eval"])
    assert [(file["file"], file["rows"]) for file in data["files"]] == [("penguins.csv", 344)]
    assert len(data["files"][0]["sha256"]) == 64
    [schema] = answer["schema"]
    assert (schema["curated"], len(schema["inferred_from"])) == (None, 1)
    assert [graph["made_by"]["node"] for graph in answer["transform_graph"]] == ["Transform"]
    assert answer["code"]["Trainer"] == {"module": "trainer_modules.tabular", "fingerprint": "c0de"}
    assert answer["hyperparameters"]["Trainer"]["training"] == {"learning_rate": 0.1}
    [evaluation] = answer["evaluations"]
    assert evaluation["blessed"] is True
    assert evaluation["verdict"]["metrics"][0]["value"] == 0.98
    assert evaluation["baseline"] == {"id": model(past, 1), "type": "Model", "versions": [1]}
    [check] = answer["serving_checks"]
    assert (check["model"], check["blessed"]) == (model(past, 2), True)
    assert check["check"]["memory_mb"] == 412.0
    [push] = answer["pushes"]
    assert (push["version"], push["served"]) == (2, True)


def test_the_answer_about_a_model_that_failed_its_gate(past: Recorder) -> None:
    answer = lineage_report.downstream(past.store, first_examples(past))
    rejected = answer["models"][2]
    assert (rejected["evaluations"][0]["blessed"], rejected["pushes"]) == (False, [])
    assert [push["version"] for m in answer["models"] for push in m["pushes"]] == [1, 2]
    assert [len(m["serving_checks"]) for m in answer["models"]] == [1, 1, 1]
    assert answer["evaluations"] == answer["serving_checks"] == answer["pushes"] == []


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (("model", "7", None), "no pipeline has pushed a model version 7; pushed so far: penguin: 1 to 2"),
        (("model", "x", None), "'x' is no whole number"),
        (("artifact", None, None), "give the artifact's id"),
        (("pengiun", None, None), "'pengiun' has not run; did you mean penguin"),
        (("penguin", "3", None), "ask for model N"),
        (("examples", "99", None), r"has no examples '99'; give last or one of 1, \d+"),
    ],
)
def test_a_wrong_question_is_told_what_there_is(past: Recorder, question: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        lineage_report.find(past.store, *question)


def test_an_unknown_artifact(past: Recorder) -> None:
    with pytest.raises(BadInput, match=r"no artifact 999 in .*metadata.sqlite"):
        lineage_report.upstream(past.store, 999)


def test_a_version_of_two_pipelines_needs_the_pipeline(recorder: Recorder) -> None:
    Recorder(recorder.home, "taxi").run("t1")
    with pytest.raises(BadInput, match="penguin and taxi have pushed a version 1: give --pipeline"):
        lineage_report.find(recorder.store, "model", "1", None)
    assert lineage.find_model(recorder.store, "taxi", 1)[:2] == ("taxi", 1)
    assert lineage.find_model(recorder.store, None, 2)[:2] == ("penguin", 2)
    assert (
        lineage.pipeline_of(recorder.store, lineage_report.find(recorder.store, "taxi", None, None)) == "taxi"
    )


def test_the_pipeline_s_name_asks_for_its_last_model(past: Recorder) -> None:
    assert lineage_report.find(past.store, PIPELINE, None, None) == model(past, 2)
    last = lineage_report.find(past.store, "examples", None, None)
    assert last > first_examples(past)


def run_lineage(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], *words: str, downstream: bool = False
) -> str:
    what, which = (*words, None)[:2]
    cli.lineage(what, which, downstream, None, False, recorder.home.root)
    return capsys.readouterr().out


def test_the_tree_of_a_model(past: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    text = run_lineage(past, capsys, "model", "2")
    lines = [line.lstrip("│├└─ ") for line in text.splitlines()]
    assert lines[0].startswith(f"penguin Model {model(past, 2)}, version 2, ")
    assert lines[1].startswith("made by Trainer in run 20261123-030000 (")
    assert any(line.startswith("penguins.csv: 344 rows, 13.8 kB, fingerprint ") for line in lines)
    assert "Trainer trainer_modules.tabular c0de" in lines
    assert "training.learning_rate = 0.1" in lines
    assert "overall accuracy 0.98 (>= 0.95) ok, baseline 0.96" in lines
    assert f"compared with Model {model(past, 1)}, version 1" in lines
    assert "island=Biscoe" not in text
    [served] = [line for line in lines if line.startswith("served InfraBlessing ")]
    passed = "passed: 2 signatures, REST and gRPC, p99 3.1 ms, 412 MB, ServingCheck in run 20261123-030000 ("
    assert passed in served
    assert lines[-1].startswith("pushed version 2 to ")


def test_the_tree_downstream_of_examples(past: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    text = run_lineage(past, capsys, "examples", str(first_examples(past)), downstream=True)
    assert "taken from the cache 3 times, last in run 20261123-040000" in text
    assert text.count("─ model Model ") == 3
    assert text.count("pushed version ") == 2
    assert "NOT blessed, Evaluator in run 20261123-040000" in text


def test_the_tree_of_what_is_no_model(past: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    schema = min(past.store.get_artifacts_by_type("Schema"), key=lambda a: a.id)
    text = run_lineage(past, capsys, "artifact", str(schema.id))
    assert "made from" in text
    assert "statistics: ExampleStatistics" in text
    assert "examples: Examples 1 by ExampleGen in run 20261123-010000" in text


def test_deleted_files_are_told(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    [examples] = recorder.store.get_artifacts_by_id([first_examples(recorder)])
    examples.state = mlmd.Artifact.DELETED
    recorder.store.put_artifacts([examples])
    text = run_lineage(recorder, capsys, "model", "2")
    assert "(files: deleted by mlpipe gc)" in text
