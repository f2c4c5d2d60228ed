"""The answers of `mlpipe lineage` as JSON-able values; `pipeline.show` draws them."""

from __future__ import annotations

from typing import Any

from common.errors import BadInput
from pipeline import facts, lineage, metadata, runs
from pipeline.lineage import Edge, Graph, Step
from pipeline.metadata import Store


def find(store: Store, what: str, which: str | None, pipeline: str | None) -> int:
    """The artifact that a question is about.

    `what` is `model` (`which`: a pushed version, or `last`), `artifact` (its id), `examples` (an id, or `last`), or the name of
    a pipeline, which stands for the model that it pushed last. Raises BadInput, which says what there is.
    """
    if what == "examples":
        return int(lineage.find_examples(store, runs.find_pipeline(store, pipeline), which or "last").id)
    if what not in ("model", "artifact"):
        if which is not None:
            raise BadInput(
                f"lineage {what} {which}: ask for model N, artifact N, examples [N|last], or a pipeline"
            )
        return int(lineage.find_model(store, runs.find_pipeline(store, what), None)[2].id)
    if what == "model" and which == "last":
        which = None
    if which is not None and not which.removeprefix("v").isdecimal():
        raise BadInput(f"lineage {what} {which}: {which!r} is no whole number")
    number = int(which.removeprefix("v")) if which else None
    if what == "model":
        return int(lineage.find_model(store, pipeline, number)[2].id)
    if number is None:
        raise BadInput("lineage artifact: give the artifact's id, for example `lineage artifact 17`")
    return number


def upstream(store: Store, artifact_id: int) -> dict[str, Any]:
    """What an artifact was made from; of a model also how it was judged and where it was pushed."""
    graph = lineage.upstream(store, artifact_id)
    answer = _head(store, graph, "upstream")
    answer["data"] = [facts.described(a) for a in graph.of_type("Examples") if _is_raw(graph, a.id)]
    answer["schema"] = [_schema(graph, a.id) for a in graph.of_type("Schema")]
    answer["transform_graph"] = [_made(graph, a.id) for a in graph.of_type("TransformGraph")]
    answer["code"] = {s.node: _code(s) for _, s in sorted(graph.steps.items()) if _code(s)}
    answer["hyperparameters"] = {s.node: _hyperparameters(s) for s in _training(graph)}
    answer["tuned"] = [facts.described(a)["values"] for a in graph.of_type("HyperParameters")]
    answer["compared_with"] = [
        {"node": step.node, "key": edge.key, **_reference(store, edge.artifact_id)}
        for _, step in sorted(graph.steps.items())
        for edge in step.references
    ]
    if graph.artifacts[artifact_id].type == "Model":
        after = lineage.downstream(store, artifact_id)
        answer["evaluations"] = _evaluations(store, after)
        answer["serving_checks"] = _serving_checks(after)
        answer["pushes"] = _pushes(after)
    answer.update(_graph(graph))
    return answer


def downstream(store: Store, artifact_id: int) -> dict[str, Any]:
    """What came of an artifact: models, their evaluations and pushes."""
    graph = lineage.downstream(store, artifact_id)
    answer = _head(store, graph, "downstream")
    evaluations, checks, pushes = _evaluations(store, graph), _serving_checks(graph), _pushes(graph)
    answer["models"] = [
        {
            **_made(graph, model.id),
            "evaluations": [e for e in evaluations if e["model"] == model.id],
            "serving_checks": [c for c in checks if c["model"] == model.id],
            "pushes": [p for p in pushes if p["model"] == model.id],
        }
        for model in graph.of_type("Model")
        if graph.maker(model.id)
    ]
    inside = {model["id"] for model in answer["models"]}
    answer["evaluations"] = [e for e in evaluations if e["model"] not in inside]
    answer["serving_checks"] = [c for c in checks if c["model"] not in inside]
    answer["pushes"] = [p for p in pushes if p["model"] not in inside]
    answer.update(_graph(graph))
    return answer


def _head(store: Store, graph: Graph, direction: str) -> dict[str, Any]:
    count, latest = lineage.uses(store, graph.root)
    maker = graph.maker(graph.root) or lineage.maker(store, graph.root)
    return {
        "direction": direction,
        "pipeline": lineage.pipeline_of(store, graph.root),
        "artifact": facts.described(graph.artifacts[graph.root]),
        "made_by": _step(maker) if maker else None,
        "cached": {"times": count, "latest_runs": latest},
    }


def _made(graph: Graph, artifact_id: int) -> dict[str, Any]:
    maker = graph.maker(artifact_id)
    return {**facts.described(graph.artifacts[artifact_id]), "made_by": _step(maker) if maker else None}


def _schema(graph: Graph, artifact_id: int) -> dict[str, Any]:
    schema = _made(graph, artifact_id)
    maker = graph.maker(artifact_id)
    schema["curated"] = maker.properties.get("schema_file") if maker else None
    schema["inferred_from"] = [e.artifact_id for e in maker.inputs if e.key == "statistics"] if maker else []
    return schema


def _evaluations(store: Store, graph: Graph) -> list[dict[str, Any]]:
    found = []
    for artifact in graph.of_type("ModelEvaluation"):
        step = graph.maker(artifact.id)
        if step is None:
            continue
        blessing = next((graph.artifacts[e.artifact_id] for e in step.outputs if e.key == "blessing"), None)
        baseline = [_reference(store, e.artifact_id) for e in step.references if e.key == "baseline_model"]
        found.append(
            {
                **_made(graph, artifact.id),
                "model": _input(step, "model"),
                "examples": _input(step, "examples"),
                "unseen": None if blessing else _data(store, step),
                "blessed": facts.described(blessing)["blessed"] if blessing else None,
                "baseline": baseline[0] if baseline else None,
            }
        )
    return found


def _data(store: Store, step: Step) -> dict[str, Any] | None:
    """The data of an evaluation on unseen data, which blesses nothing: span and files; None where it read none."""
    for examples in metadata.artifacts(store, [_input(step, "examples") or 0]):
        found = facts.described(examples)
        return {"span": found["span"], "files": found["files"]}
    return None


def _serving_checks(graph: Graph) -> list[dict[str, Any]]:
    steps = [(artifact, graph.maker(artifact.id)) for artifact in graph.of_type("InfraBlessing")]
    return [{**_made(graph, artifact.id), "model": _input(step, "model")} for artifact, step in steps if step]


def _pushes(graph: Graph) -> list[dict[str, Any]]:
    """One entry for a model and a version: a later run that found it served already records it once more."""
    found: dict[tuple[int | None, int | None], dict[str, Any]] = {}
    for artifact in graph.of_type("PushedModel"):
        step = graph.maker(artifact.id)
        push = _made(graph, artifact.id)
        if step is not None and push["pushed"]:
            model = _input(step, "model")
            found.setdefault((model, push["version"]), {**push, "model": model})
    return list(found.values())


def _reference(store: Store, artifact_id: int) -> dict[str, Any]:
    """One line about something former: the id, its type, and the versions that it was pushed as."""
    [artifact] = metadata.artifacts(store, [artifact_id])
    versions = lineage.versions_of(store, artifact_id) if artifact.type == "Model" else []
    return {"id": artifact_id, "type": artifact.type, "versions": versions}


def _is_raw(graph: Graph, artifact_id: int) -> bool:
    maker = graph.maker(artifact_id)
    return maker is None or not maker.inputs


def _training(graph: Graph) -> list[Step]:
    models = {model.id for model in graph.of_type("Model")}
    return [s for _, s in sorted(graph.steps.items()) if models & {e.artifact_id for e in s.outputs}]


def _input(step: Step, key: str) -> int | None:
    return next((edge.artifact_id for edge in step.inputs if edge.key == key), None)


def _code(step: Step) -> dict[str, Any] | None:
    """The module that a step ran and the fingerprint of its code, where the step recorded one."""
    found = step.properties
    config = facts.parsed(found.get("custom_config"), None) or {}
    function = found.get("run_fn") or found.get("preprocessing_fn") or found.get("tuner_fn")
    fingerprint = found.get("code") or config.get("code")
    if not fingerprint and not function:
        return None
    return {"module": function.rpartition(".")[0] if function else None, "fingerprint": fingerprint}


def _hyperparameters(step: Step) -> dict[str, Any]:
    config = facts.parsed(step.properties.get("custom_config"), None) or {}
    return {key: value for key, value in config.items() if key not in ("task", "labels", "code")}


def _step(step: Step) -> dict[str, Any]:
    return {"execution": step.id, "node": step.node, "run": step.run, "seconds": step.seconds}


def _graph(graph: Graph) -> dict[str, Any]:
    def edges(found: list[Edge]) -> list[dict[str, Any]]:
        return [{"key": edge.key, "artifact": edge.artifact_id} for edge in found]

    return {
        "steps": [
            {
                **_step(s),
                "inputs": edges(s.inputs),
                "outputs": edges(s.outputs),
                "references": edges(s.references),
            }
            for _, s in sorted(graph.steps.items())
        ],
        "artifacts": [facts.described(artifact) for _, artifact in sorted(graph.artifacts.items())],
    }
