"""The answers of `mlpipe lineage` as trees on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text
from rich.tree import Tree

from components.serving_check import report as serving_report
from pipeline.compare import flat
from pipeline.gates import limits
from pipeline.show import moment, number, seconds, size
from pipeline.wording import display

MOST = 20

Values = Mapping[str, Any]


def tree(answer: Values) -> Tree:
    """The tree of an answer of `pipeline.lineage_report`."""
    root = Tree(_title(answer), guide_style="dim")
    _made_by(root, answer)
    if answer["direction"] == "upstream":
        _upstream(root, answer)
    else:
        _downstream(root, answer)
    return root


def _upstream(root: Tree, answer: Values) -> None:
    for examples in answer["data"]:
        _examples(root, examples)
    for schema in answer["schema"]:
        origin = f"curated: {schema['curated']}" if schema["curated"] else "inferred"
        if schema["inferred_from"]:
            origin += f" from {_ids('ExampleStatistics', schema['inferred_from'])}"
        root.add(_line("schema", f"{_name(schema)} {origin}{_digest(schema['sha256'])}", schema))
    for transform in answer["transform_graph"]:
        root.add(_line("transform", f"{_name(transform)} by {_step(transform['made_by'])}", transform))
    if answer["code"]:
        code = root.add(_label("code"))
        for node, found in answer["code"].items():
            code.add(" ".join(filter(None, (node, found["module"], number(found["fingerprint"] or "")))))
    for node, values in answer["hyperparameters"].items():
        parameters = root.add(_label(f"hyperparameters of {node}"))
        for key, value in flat(values).items():
            parameters.add(f"{'.'.join(key)} = {number(value)}")
    for values in answer["tuned"]:
        tuned = root.add(_label("found by the Tuner"))
        for key, value in (values or {}).items():
            tuned.add(f"{key} = {number(value)}")
    for former in answer["compared_with"]:
        root.add(_line(former["key"].replace("_", " "), f"of {former['node']}: {_former(former)}"))
    _judged(root, answer)
    if not answer["hyperparameters"]:
        _ancestry(root, answer)


def _downstream(root: Tree, answer: Values) -> None:
    for model in _latest(root, answer["models"], "models"):
        branch = root.add(_line("model", f"{_name(model)} by {_step(model['made_by'])}", model))
        _judged(branch, model)
    _judged(root, answer)
    if not (answer["models"] or answer["evaluations"] or answer["pushes"]):
        root.add("no model, evaluation or push came of it")


def _judged(branch: Tree, found: Values) -> None:
    """Evaluations, checks of the served model and pushes, where there are any."""
    for evaluation in _latest(branch, found.get("evaluations", ()), "evaluations"):
        verdict = evaluation["verdict"]
        words = {True: "blessed", False: "NOT blessed", None: "without a verdict"}[evaluation["blessed"]]
        if evaluation["unseen"] is not None:
            words = _unseen(evaluation["unseen"], verdict)
        line = _line("evaluation", f"{_name(evaluation)} {words}, {_step(evaluation['made_by'])}", evaluation)
        below = branch.add(line)
        for metric in (verdict or {}).get("metrics", ()):
            if metric["ok"] is not None or metric["slice"] == "overall":
                below.add(_metric(metric))
        if evaluation["baseline"]:
            below.add(f"compared with {_former(evaluation['baseline'])}")
    for check in _latest(branch, found.get("serving_checks", ()), "serving checks"):
        words = "passed" if check["blessed"] else "FAILED"
        if check["check"] is not None:
            words = serving_report.summary(check["check"])
        branch.add(_line("served", f"{_name(check)} {words}, {_step(check['made_by'])}", check))
    for push in _latest(branch, found.get("pushes", ()), "pushes"):
        served = {True: "", False: " (no longer served)", None: " (not known whether it is served)"}[
            push["served"]
        ]
        text = (
            f"version {push['version']} to {display(push['destination'])}, {_step(push['made_by'])}{served}"
        )
        branch.add(_line("pushed", text))


def _unseen(data: Values, verdict: Values | None) -> str:
    names = [file["file"] for file in data["files"]]
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    kept = "without a verdict"
    if verdict is not None:
        kept = "the bounds hold" if verdict["blessed"] else "NOT within the bounds"
    return f"on unseen {names[0] if names else 'data'}{others}: {kept}"


def _ancestry(root: Tree, answer: Values) -> None:
    """The steps behind an artifact that is no model, nearest first; what was told already is only named."""
    makers = {edge["artifact"]: step for step in answer["steps"] for edge in step["outputs"]}
    types = {artifact["id"]: artifact["type"] for artifact in answer["artifacts"]}
    told: set[int] = set()

    def grow(branch: Tree, artifact_id: int) -> None:
        step = makers.get(artifact_id)
        if step is None or step["execution"] in told:
            return
        told.add(step["execution"])
        for edge in step["inputs"]:
            maker = makers.get(edge["artifact"])
            source = f" by {_step(maker)}" if maker and maker["execution"] not in told else ""
            grow(
                branch.add(f"{edge['key']}: {types[edge['artifact']]} {edge['artifact']}{source}"),
                edge["artifact"],
            )

    if makers.get(answer["artifact"]["id"], {}).get("inputs"):
        grow(root.add(_label("made from")), answer["artifact"]["id"])


def _examples(branch: Tree, examples: Values) -> None:
    files = examples["files"]
    rows = [file["rows"] for file in files if file.get("rows") is not None]
    facts = [f"span {examples['span']}"]
    if examples["version"]:
        facts.append(f"version {examples['version']}")
    facts.append(f"splits {', '.join(examples['splits'])}")
    if rows:
        facts.append(f"{sum(rows):,} rows")
    text = f"{_name(examples)}: {', '.join(facts)}{_digest(examples['fingerprint'])}"
    below = branch.add(_line("data", text, examples))
    for file in _latest(below, files, "files"):
        count = f"{file['rows']:,} rows, " if file.get("rows") is not None else ""
        below.add(f"{file['file']}: {count}{size(file['bytes'])}{_digest(file['sha256'])}")


def _title(answer: Values) -> Text:
    artifact = answer["artifact"]
    name = f"{answer['pipeline']} {_name(artifact)}".strip()
    versions = sorted({push["version"] for push in answer.get("pushes", ()) if artifact["type"] == "Model"})
    if artifact["type"] == "PushedModel" and artifact["pushed"]:
        versions = [artifact["version"]]
    pushed = f", version {' and '.join(map(str, versions))}" if versions else ""
    gone = f" (files: {artifact['gone']})" if artifact["gone"] else ""
    return Text(f"{name}{pushed}, {moment(artifact['created'])} UTC{gone}", style="bold")


def _made_by(root: Tree, answer: Values) -> None:
    if answer["made_by"] is None:
        root.add(_line("made by", "nothing that is recorded: it came from outside"))
        return
    text = _step(answer["made_by"])
    cached = answer["cached"]
    if cached["times"]:
        runs = cached["latest_runs"]
        text += f"; taken from the cache {cached['times']} times, last in run {runs[-1]}"
    root.add(_line("made by", text))


def _latest(branch: Tree, items: Sequence[Values], what: str) -> Sequence[Values]:
    """The last ones of a long list; the branch says how many are left out."""
    if len(items) > MOST:
        branch.add(Text(f"{len(items) - MOST} earlier {what}: --json lists all", style="dim"))
    return items[-MOST:]


def _metric(metric: Values) -> Text:
    bounds = limits(metric, ">=", "<=")
    bounds += [f"change {metric['change']:+g}"] if metric["change"] is not None else []
    name = " ".join(filter(None, (metric["slice"], metric["output"], metric["metric"])))
    value = "not a number" if metric["value"] is None else number(float(metric["value"]))
    baseline = "" if metric["baseline"] is None else f", baseline {number(float(metric['baseline']))}"
    verdict = {True: " ok", False: " FAILED", None: ""}[metric["ok"]]
    text = f"{name} {value}{' (' + ', '.join(bounds) + ')' if bounds else ''}{verdict}{baseline}"
    return Text(text, style="red" if metric["ok"] is False else "")


def _former(reference: Values) -> str:
    versions = reference["versions"]
    pushed = f", version {' and '.join(map(str, versions))}" if versions else ""
    return f"{reference['type']} {reference['id']}{pushed}"


def _line(label: str, text: str, artifact: Values | None = None) -> Text:
    gone = artifact["gone"] if artifact is not None else None
    return Text.assemble((label, "cyan"), " ", text, (f" (files: {gone})", "dim") if gone else "")


def _label(text: str) -> Text:
    return Text(text, style="cyan")


def _name(artifact: Values) -> str:
    return f"{artifact['type']} {artifact['id']}"


def _ids(kind: str, ids: Sequence[int]) -> str:
    return f"{kind} {', '.join(map(str, ids))}"


def _step(step: Values) -> str:
    return f"{step['node']} in run {step['run']} ({seconds(step['seconds'])})"


def _digest(fingerprint: str | None) -> str:
    return f", fingerprint {number(fingerprint)}" if fingerprint else ""
