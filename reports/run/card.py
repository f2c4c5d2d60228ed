"""The model card, after Mitchell et al. (2019), "Model Cards for Model Reporting": what people say and what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline import facts as artifact_facts
from pipeline.runs import NodeRun
from reports import words
from reports.page import Section, render
from reports.run import verdict
from reports.run_facts import Missing, RunFacts

_PARTS = (
    ("intended_use", "Intended use"),
    ("not_for", "Not for"),
    ("limits", "Limits"),
    ("license", "License"),
    ("owner", "Owner"),
)
_WORST = 5


@dataclass(frozen=True)
class Part:
    """A part of the card: paragraphs, names with values, and a table with its head."""

    title: str
    paragraphs: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())


def section(facts: RunFacts) -> Section:
    """The card as a part of the report."""
    said = facts.config.get("card") or {}
    unsaid = [title.lower() for key, title in _PARTS if not said.get(key)]
    return Section("card", "Model card", render("card.html", parts=parts(facts), unsaid=unsaid))


def markdown(facts: RunFacts) -> str:
    """The card as Markdown; what comes from data or configuration is text in it, never markup."""
    lines = [f"# {_escaped(title(facts))}", ""]
    for part in parts(facts):
        lines += [f"## {part.title}", ""]
        for paragraph in part.paragraphs:
            lines += [_escaped(paragraph), ""]
        lines += [f"- {_escaped(name)}: {_escaped(value)}" for name, value in part.values]
        lines += [""] if part.values else []
        if part.rows:
            table = [part.head, ("---",) * len(part.head), *part.rows]
            escaped = [[cell if row is table[1] else _escaped(cell) for cell in row] for row in table]
            lines += [f"| {' | '.join(row)} |" for row in escaped] + [""]
    return "\n".join(lines)


def title(facts: RunFacts) -> str:
    """The name of the model, with the version that it was pushed as."""
    pushed = verdict.push(facts)
    return (
        f"{facts.pipeline}, version {pushed.version}" if pushed.version else f"{facts.pipeline}, not pushed"
    )


def parts(facts: RunFacts) -> list[Part]:
    """The parts of the card that have something to say."""
    said = facts.config.get("card") or {}
    texts = {
        key: tuple(str(said[key]).strip().split("\n\n")) if said.get(key) else () for key in (*said, "data")
    }
    found = [
        _model(facts),
        Part("Intended use", texts.get("intended_use", ())),
        Part("Not for", texts.get("not_for", ())),
        _data(facts, texts["data"]),
        _metrics(facts),
        _limits(facts, texts.get("limits", ())),
        Part("License", texts.get("license", ())),
        Part("Owner", texts.get("owner", ())),
    ]
    return [part for part in found if part.paragraphs or part.values or part.rows]


def _model(facts: RunFacts) -> Part:
    run = facts.run
    values = {
        "task": f"{facts.task.replace('_', ' ')}"
        + (f" of {', '.join(facts.labels)}" if facts.labels else ""),
        "trained by": str(facts.config.get("trainer", {}).get("module", "")),
        "parameters": _parameters(facts),
        "run": f"{run.id}, started {words.moment(run.started)} UTC",
        "verdict": verdict.headline(facts)[1],
        "fingerprint": words.short(run.fingerprint),
        "made with": ", ".join(
            f"{name} {version}"
            for name, version in run.versions.items()
            if name in ("tensorflow", "tfx", "keras")
        ),
    }
    return Part(
        "Model",
        tuple(text for text in (str(facts.config.get("description") or ""),) if text),
        tuple((name, value) for name, value in values.items() if value),
    )


def _parameters(facts: RunFacts) -> str:
    try:
        return words.count(facts.json("Trainer", "model_run", "learning_curves.json").get("parameters"))
    except Missing:
        return ""


def _data(facts: RunFacts, said: tuple[str, ...]) -> Part:
    """The files with their fingerprints, and how many examples fitted and measured the model."""
    found = facts.outputs("ExampleGen", "examples")
    about = artifact_facts.described(found[0]) if found else {}
    rows = tuple(
        (str(file.get("file", "")), words.count(file.get("rows")), words.short(file.get("sha256")))
        for file in about.get("files", [])[:20]
    )
    values = [("fingerprint", words.short(about.get("fingerprint")))] if about.get("fingerprint") else []
    try:
        record = facts.json("Trainer", "model_run", "learning_curves.json")
        values += [("examples that it learnt from", words.count(record.get("train_examples")))]
        values += [("examples that picked the epoch", words.count(record.get("valid_examples")))]
    except Missing:
        pass
    try:
        overall = next(iter(_rows(facts, "overall")), {})
        values += [("held-out examples that it was measured on", words.count(overall.get("examples")))]
    except Missing:
        pass
    return Part("Data", said, tuple(one for one in values if one[1]), ("file", "rows", "fingerprint"), rows)


def _rows(facts: RunFacts, slice_name: str | None = None) -> Iterator[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = facts.json("Evaluator", "evaluation", "verdict.json")["metrics"]
    return (row for row in found if slice_name is None or row["slice"] == slice_name)


def _metrics(facts: RunFacts) -> Part:
    """Overall metrics, then the bounded slices that come nearest to their bounds or break them."""
    try:
        overall = list(_rows(facts, "overall"))
        sliced = [row for row in _rows(facts) if row["slice"] != "overall" and row["ok"] is not None]
    except Missing as missing:
        return Part("Metrics", (str(missing),))
    sliced.sort(key=_room)
    table = [verdict.metric_row(row) for row in (*overall, *sliced[:_WORST])]
    return Part(
        "Metrics",
        (),
        (),
        ("measured on held-out data", "value", "bound", "examples"),
        tuple((row.what, row.value, row.threshold, words.count(row.examples)) for row in table),
    )


def _room(row: Mapping[str, Any]) -> float:
    """How far a value is from the nearest of its bounds; below 0 where it breaks it."""
    value = row["value"]
    if value is None:
        return float("-inf")
    bounds = [value - row["lower"]] if row["lower"] is not None else []
    bounds += [row["upper"] - value] if row["upper"] is not None else []
    return float(min(bounds, default=float("inf")))


def _limits(facts: RunFacts, said: tuple[str, ...]) -> Part:
    """What people say, and what the verdict does not speak for: small slices, missing values, gates that failed."""
    values = []
    try:
        names = {str(row["slice"]): row["examples"] or 0 for row in _rows(facts)}
        least = int(facts.config.get("evaluation", {}).get("min_slice_examples", 1))
        small = [f"{name} ({count})" for name, count in names.items() if name != "overall" and count < least]
        if small:
            values.append(
                (f"slices of fewer than {least} examples, which no bound is for", ", ".join(small[:20]))
            )
    except Missing:
        pass
    failed = [gate.name for gate in verdict.gates_of(facts) if gate.state == verdict.FAILED]
    if failed:
        values.append(("gates that it did not pass", ", ".join(failed)))
    unfinished: list[NodeRun] = [node for node in facts.nodes if node.state in ("failed", "not reached")]
    if unfinished:
        values.append(("not done", ", ".join(f"{node.id} ({node.state})" for node in unfinished)))
    return Part("Limits", said, tuple(values))


def _escaped(text: str) -> str:
    """Text as it stands: neither Markdown nor HTML in it counts."""
    plain = " ".join(text.split())
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~]|^[#+-](?=\s)|^\d+(?=[.)]\s))", r"\\\1", plain)
