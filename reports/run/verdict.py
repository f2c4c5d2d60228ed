"""Was a model pushed, and why; every gate with its value, its threshold and the last blessed value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.attributions import report as attributions_report
from components.evaluator.constants import BLESSED, OWN
from components.model_optimizer import report as edge_report
from components.text_example_gen import report as text_report
from pipeline import facts as artifact_facts
from pipeline import gates
from reports import words
from reports.page import Section, render
from reports.run import unseen
from reports.run_facts import Missing, RunFacts

PASSED, FAILED, OPEN = "passed", "failed", "not reached"


@dataclass(frozen=True)
class Scale:
    """A value between its bounds, beside the last blessed one."""

    value: float
    lower: float | None = None
    upper: float | None = None
    former: float | None = None

    @property
    def places(self) -> dict[str, float]:
        """Where the figures stand from 0 to 1, with room at both ends."""
        found = {name: getattr(self, name) for name in ("value", "lower", "upper", "former")}
        known = {name: float(value) for name, value in found.items() if value is not None}
        low, high = min(known.values()), max(known.values())
        room = (high - low) * 0.25 or abs(high) * 0.1 or 1.0
        return {name: (value - low + room) / (high - low + 2 * room) for name, value in known.items()}


@dataclass(frozen=True)
class Row:
    """One bound: what is bounded, its value, the bound in words, the last blessed value, whether it held.

    ok is None where there is no bound; scale is what `bullet` draws.
    """

    what: str
    value: str
    threshold: str
    former: str = ""
    examples: int | None = None
    ok: bool | None = None
    scale: Scale | None = None


@dataclass(frozen=True)
class Gate:
    """A gate of the run: the node behind which it is, its state (passed, failed, not reached, unknown), its bounds."""

    name: str
    node: str
    state: str
    line: str
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Push:
    """What became of the model: the version that it was pushed as, where to, and whether that is still there."""

    version: int | None
    destination: str = ""
    served: bool = False


def section(facts: RunFacts) -> Section:
    """The verdict: the headline, a card for each gate, and the bounds."""
    found = gates_of(facts)
    told = any(gate.state == FAILED and gate.notes for gate in found) and not facts.is_evaluation
    html = render(
        "verdict.html",
        reason="" if told else facts.run.reason,
        headline=unseen.headline(facts) if facts.is_evaluation else headline(facts),
        subject=unseen.subject(facts) if facts.is_evaluation else None,
        push=push(facts),
        gates=found,
        rows=_unbounded(facts),
        former=OWN if facts.is_evaluation else BLESSED,
    )
    return Section("verdict", "Verdict", html)


def headline(facts: RunFacts) -> tuple[str, str]:
    """(style, sentence): what came of the run."""
    run, pushed = facts.run, push(facts)
    if run.state == "running":
        return "warn", "The run goes on."
    if run.state == "gate_failed":
        return "bad", "Not pushed: a gate did not let it pass."
    if run.state == "interrupted":
        return "warn", "Not pushed: the run was interrupted."
    if run.state == "failed":
        return "bad", "Not pushed: the run failed."
    if pushed.version is not None:
        return "ok", f"Pushed as version {pushed.version}."
    return "warn", "Nothing was pushed."


def push(facts: RunFacts) -> Push:
    """What the Pusher recorded."""
    found = facts.outputs("Pusher", "pushed_model")
    about = artifact_facts.described(found[0]) if found else {}
    if not about.get("pushed"):
        return Push(None)
    return Push(about["version"], _within(facts, str(about["destination"] or "")), bool(about["served"]))


def _within(facts: RunFacts, destination: str) -> str:
    """A folder of the home as seen from beside it: the same wherever the home lies."""
    root = facts.home.root
    return (
        str(Path(destination).relative_to(root.parent))
        if Path(destination).is_relative_to(root)
        else destination
    )


def gates_of(facts: RunFacts) -> list[Gate]:
    """The gates of the run in their order; optional ones where they are configured or ran."""
    makers: list[tuple[str, str, Callable[[RunFacts], Gate]]] = [
        ("Data", "ExampleValidator", _data),
        ("Model", "Evaluator", _model),
    ]
    if facts.is_evaluation:
        return [_made(facts, *about) for about in makers]
    reached = {node.id for node in facts.nodes}
    if (facts.config.get("attributions") or {}).get("drift") is not None:
        makers.append(("Attributions", "Attributions", _attributions))
    if "ServingCheck" in reached or facts.config.get("serving_check", {}).get("enabled"):
        makers.append(("Serving", "ServingCheck", _serving))
    if "ModelOptimizer" in reached or facts.config.get("optimizer"):
        makers.append(("TFLite forms", "ModelOptimizer", _edge))
    return [_made(facts, *about) for about in makers]


def _made(facts: RunFacts, name: str, node: str, make: Callable[[RunFacts], Gate]) -> Gate:
    try:
        return make(facts)
    except Missing as missing:
        return Gate(name, node, "unknown" if missing.was_there else OPEN, str(missing))


def _data(facts: RunFacts) -> Gate:
    """Anomalies against the schema, drift, skew, and words that are new."""
    rows = [*_new_words(facts)]
    lines: list[str] = []
    if rows and not all(row.ok is not False for row in rows):
        return Gate("Data", "ExampleGen", FAILED, "too many words of eval are not in train", tuple(rows))
    folder = facts.folder("ExampleValidator", "anomalies")
    lines = gates.anomalies(facts.artifact("ExampleValidator", "anomalies"))
    # Where each column was measured against the training, a bound of the measurement need not be one of the gate.
    moved = unseen.drift(folder)
    rows += [
        _distance(f"drift of {one.column}", one.divergence, one.bound)
        for one in moved
        if one.bound is not None
    ]
    for file in sorted(folder.glob("Split-*/SchemaDiff.pb")):
        found = anomalies_pb2.Anomalies.FromString(file.read_bytes())
        for info in found.drift_skew_info:
            column = ".".join(info.path.step)
            if not moved:
                rows += [
                    _distance(f"drift of {column}", m.value, m.threshold) for m in info.drift_measurements
                ]
            rows += [_distance(f"skew of {column}", m.value, m.threshold) for m in info.skew_measurements]
    if lines:
        return Gate(
            "Data",
            "ExampleValidator",
            FAILED,
            f"{len(lines)} anomal{'y' if len(lines) == 1 else 'ies'}",
            tuple(rows),
            tuple(lines),
        )
    remark = f"; {sum(row.drifted for row in moved)} of {len(moved)} columns drifted" if moved else ""
    held = f"; {len(rows)} bounds hold" if len(rows) > 1 else "; 1 bound holds" if rows else ""
    return Gate("Data", "ExampleValidator", PASSED, f"no anomalies{held}{remark}", tuple(rows))


def _new_words(facts: RunFacts) -> list[Row]:
    if not facts.config.get("data", {}).get("text"):
        return []
    report = text_report.read(facts.folder("ExampleGen", "examples"))
    bound = report["max_oov"] if report else None
    if report is None or bound is None:
        return []
    shares = {
        column: about["out_of_vocabulary"].get(text_report.HELD_OUT)
        for column, about in report["columns"].items()
    }
    return [
        Row(
            f"words of {column} in eval that are not in train",
            words.percent(found["words"]),
            f"≤ {words.percent(bound)}",
            ok=found["words"] <= bound,
        )
        for column, found in shares.items()
        if found is not None
    ]


def _distance(what: str, value: float, bound: float) -> Row:
    return Row(
        what, words.number(value, 3), f"≤ {bound:g}", ok=value <= bound, scale=Scale(value, upper=bound)
    )


def _model(facts: RunFacts) -> Gate:
    verdict = facts.json("Evaluator", "evaluation", "verdict.json")
    rows = tuple(metric_row(row) for row in verdict["metrics"] if row["ok"] is not None)
    notes = [f"no examples in the required slice {name}" for name in verdict.get("missing_slices", [])]
    if verdict.get("missing_thresholds"):
        notes.append("a metric that has a threshold was not measured")
    if verdict.get("baseline_left_out"):
        notes.append(f"not compared with the last blessed model: {verdict['baseline_left_out']}")
    failed = sum(row.ok is False for row in rows)
    line = f"{len(rows) - failed} of {len(rows)} bounds hold" if rows else "no bounds"
    # A model is blessed by bounds that hold; new data are against it only by those that do not.
    passed = not failed and not verdict.get("missing_slices") if facts.is_evaluation else verdict["blessed"]
    return Gate("Model", "Evaluator", PASSED if passed else FAILED, line, rows, tuple(notes))


def metric_row(row: Mapping[str, Any]) -> Row:
    """A row of verdict.json."""
    bounds = gates.limits(row, "≥", "≤")
    if row["change"] is not None:
        bounds.append(f"at most {abs(row['change']):g} worse")
    where = "" if row["slice"] == "overall" else f" on {row['slice']}"
    return Row(
        f"{row['output']} {row['metric']}{where}".strip(),
        "not a number" if row["value"] is None else words.number(row["value"]),
        ", ".join(bounds),
        words.number(row["baseline"]),
        row["examples"],
        row["ok"],
        None if row["ok"] is None or row["value"] is None else _scale(row),
    )


def _scale(row: Mapping[str, Any]) -> Scale:
    """The bounds with what the last blessed value allows among them."""
    lower, upper, former = row["lower"], row["upper"], row["baseline"]
    if row["change"] is not None and former is not None:
        allowed = former + row["change"]
        if row["change"] <= 0:
            lower = allowed if lower is None else max(lower, allowed)
        else:
            upper = allowed if upper is None else min(upper, allowed)
    return Scale(row["value"], lower, upper, former)


def _unbounded(facts: RunFacts) -> list[Row]:
    """What was measured overall and has no bound."""
    try:
        metrics = facts.json("Evaluator", "evaluation", "verdict.json")["metrics"]
    except Missing:
        return []
    return [metric_row(row) for row in metrics if row["ok"] is None and row["slice"] == "overall"]


def _attributions(facts: RunFacts) -> Gate:
    report = facts.json("Attributions", "attributions", "attributions.json")
    found, bound = report["drift"], report["max_drift"]
    if not found or bound is None:
        return Gate(
            "Attributions",
            "Attributions",
            PASSED,
            "no attributions of the last blessed model to compare with",
        )
    rows = tuple(
        Row(
            f"share of {row['output']} {row['feature']}".replace("  ", " "),
            words.percent(row["share"]),
            f"changes by {words.percent(bound)} at most",
            words.percent(row["former"]),
            ok=abs(row["change"]) <= bound,
        )
        for row in found["rows"]
    )
    failed = sum(row.ok is False for row in rows)
    state = FAILED if attributions_report.gate_failure(report) else PASSED
    return Gate(
        "Attributions", "Attributions", state, f"{len(rows) - failed} of {len(rows)} shares hold", rows
    )


def _serving(facts: RunFacts) -> Gate:
    report = facts.json("ServingCheck", "blessing", "serving_check.json")
    latencies = {name: found for name, found in report["latency_ms"].items() if found.get("p99") is not None}
    rows = [
        _at_most(f"p99 over {name}", found["p99"], report.get("max_p99_ms"), "ms")
        for name, found in latencies.items()
    ]
    if report.get("memory_mb") is not None:
        rows.append(_at_most("memory of the server", report["memory_mb"], report.get("max_memory_mb"), "MB"))
    signatures = len(report["signatures"])
    line = f"{signatures} signature{'' if signatures == 1 else 's'} answer as the model does"
    notes = [f"{name} was not checked: {reason}" for name, reason in report["not_checked"].items()]
    if report["blessed"]:
        return Gate("Serving", "ServingCheck", PASSED, line, tuple(rows), tuple(notes))
    return Gate(
        "Serving",
        "ServingCheck",
        FAILED,
        "not served as it should be",
        tuple(rows),
        (*report["failures"], *notes),
    )


def _at_most(what: str, value: float, bound: float | None, unit: str) -> Row:
    return Row(
        what,
        f"{words.number(value, 3)} {unit}",
        "" if bound is None else f"≤ {bound:g} {unit}",
        ok=None if bound is None else value <= bound,
        scale=None if bound is None else Scale(value, upper=bound),
    )


def _edge(facts: RunFacts) -> Gate:
    report = facts.json("ModelOptimizer", "edge_model", "optimized.json")
    bound = facts.config.get("optimizer", {}).get("max_loss")
    rows = [
        Row(
            f"{report.get('metric', 'metric')} lost by {form}",
            words.number(found.get("loss")),
            "" if bound is None else f"≤ {bound:g}",
            ok=found["kept"],
        )
        for form, found in report["forms"].items()
    ]
    state = FAILED if edge_report.gate_failure(report) else PASSED
    return Gate(
        "TFLite forms",
        "ModelOptimizer",
        state,
        f"{edge_report.summary(report)} kept",
        tuple(rows),
        tuple(edge_report.left_out(report)),
    )
