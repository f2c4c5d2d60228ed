"""Two runs or models side by side: what went in, what came out, and what changed first between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from common.errors import BadInput
from pipeline import compare as comparing
from pipeline import facts, runs
from pipeline.copies import Copies
from pipeline.metadata import Store
from pipeline.runs import Run
from reports.run import feature_statistics
from reports.run.distributions import Series
from reports.run.feature_cards import Card, card
from reports.ui import filters, links, live, pages
from reports.ui.index import Index, Row
from reports.ui.layout import response
from reports.words import short

# In the order in which one leads to the other: what goes in, then what comes out.
PARTS = (
    ("files", "Data files"),
    ("statistics", "Data"),
    ("config", "Configuration"),
    ("code", "Code"),
    ("versions", "Packages"),
    ("metrics", "Metrics"),
    ("outcome", "Outcome"),
)
_INPUTS = {
    "data": "data",
    "schema": "schema",
    "code": "code",
    "versions": "packages",
    "files": "files of the trainer",
}
_SPLIT = "train"
# The colours of train and of earlier data.
_AFTER, _BEFORE = 0, 3
OPEN_CARDS, MOST_CARDS = 6, 60
_MOST_CHOICES = 200
_MOST_KEYS = 20


def compare(request: Request) -> HTMLResponse:
    """Two runs of a pipeline, each chosen as for `mlpipe compare`; without any, the last two."""
    pipeline = pages.known_pipeline(request)
    index: Index = request.app.state.index
    listed = index.runs(pipeline, filters.PAGE)
    usual = pages.compared(listed)
    before, after = (
        request.query_params.get(side, "").strip() or run
        for side, run in zip(("before", "after"), usual, strict=True)
    )
    if not before or not after:
        raise BadInput(f"{pipeline} has no run that could be compared.")
    with request.app.state.stores.borrow() as store:
        pair = (runs.get_run(store, pipeline, before), runs.get_run(store, pipeline, after))
        answer = comparing.compare(store, *pair)
        cards = _cards(store, Copies(request.app.state.home), pair, answer["statistics"])
    return response(
        request,
        "ui/compare.html",
        crumbs=[(pipeline, links.pipeline(pipeline)), ("compare", None)],
        pipeline=pipeline,
        runs=pair,
        states=[live.as_seen(request.app.state.home, index.row(run.context_id)).shown_state for run in pair],
        versions=_versions(index, pipeline, pair),
        answer=answer,
        summary=[(name, title, answer[name]) for name, title in PARTS],
        tables=[(name, title, _rows(answer[name])) for name, title in PARTS if name != "statistics"],
        first=_first(index, pipeline, pair, answer["config"]["changed"]),
        metrics=[_metric(change) for change in (answer["metrics"] or {"changed": ()})["changed"]],
        cards=cards,
        legend=[(f"to: {pair[1].id}", _AFTER), (f"from: {pair[0].id}", _BEFORE)],
        open_cards=OPEN_CARDS,
        most_cards=MOST_CARDS,
        choices=[row.id for row in listed[:_MOST_CHOICES]],
    )


def _rows(part: Mapping[str, Any] | None) -> list[tuple[str, str | None, str | None]]:
    """(what, before, after) of each change of a part; None on a side that has no such key."""
    return [
        (
            " ".join(str(word) for word in change["key"] if word != ""),
            _text(change["before"]) if "before" in change else None,
            _text(change["after"]) if "after" in change else None,
        )
        for change in (part or {}).get("changed", ())
    ]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    is_digest = isinstance(value, str) and len(value.removeprefix("sha256:")) == 64
    if isinstance(value, float):
        return f"{value:.6g}"
    return short(value) if is_digest else str("none" if value is None else value)


def _metric(change: Mapping[str, Any]) -> dict[str, Any]:
    """A metric of a slice on both sides, with the difference where both are numbers."""
    slice_, output, metric = change["key"]
    before: Any = change.get("before")
    after: Any = change.get("after")
    difference = after - before if _is_number(before) and _is_number(after) else None
    return {
        "slice": slice_,
        "metric": f"{output} {metric}".strip(),
        "before": before,
        "after": after,
        "ok": [change.get("before_ok"), change.get("after_ok")],
        "difference": "" if difference is None else f"{difference:+.4g}",
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _cards(
    store: Store, copies: Copies, pair: tuple[Run, Run], changed: Mapping[str, Any] | None
) -> list[Card]:
    """The features of the training data that differ, each with both distributions laid over each other."""
    if not changed or not changed["changed"]:
        return []
    names = dict.fromkeys(key[1] for key in (change["key"] for change in changed["changed"]) if key[1])
    sides = []
    for label, run, colour in (("to", pair[1], _AFTER), ("from", pair[0], _BEFORE)):
        artifact = runs.outputs_of(store, run.node("StatisticsGen")).get("statistics")
        folder = copies.fetch(artifact.uri) if artifact and not facts.gone(artifact) else None
        splits = feature_statistics.read(folder) if folder else {}
        split = splits.get(_SPLIT) or next(iter(splits.values()), None)
        sides.append((label, colour, split.features if split else {}))
    found = []
    for name in names:
        series = [
            Series(label, colour, features[name]) for label, colour, features in sides if name in features
        ]
        if series:
            found.append(card(series))
    return found


def _first(
    index: Index, pipeline: str, pair: tuple[Run, Run], changed: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Row]]:
    """Of what a run depends on and what differs: the first run after the earlier one in which it was different.

    changed: the differences of the configurations, of which each key is looked for by itself.
    """
    earlier, later = sorted(pair, key=lambda run: run.context_id)
    parts = [name for name in _INPUTS if earlier.parts.get(name) != later.parts.get(name)]
    keys = [tuple(change["key"]) for change in changed[:_MOST_KEYS]]
    former = comparing.flat(earlier.config)
    found: list[tuple[str, Row]] = []
    for row in reversed(index.runs(pipeline)):
        if not earlier.context_id < row.context_id <= later.context_id:
            continue
        digests = facts.parsed(row.parts, None) or {}
        config = comparing.flat(facts.parsed(row.config, None)) if keys else {}
        new_parts = [name for name in parts if digests and digests.get(name) != earlier.parts.get(name)]
        new_keys = [key for key in keys if config and config.get(key) != former.get(key)]
        found += [(_INPUTS[name], row) for name in new_parts]
        found += [(f"configuration {'.'.join(key)}", row) for key in new_keys]
        parts = [name for name in parts if name not in new_parts]
        keys = [key for key in keys if key not in new_keys]
        if not parts and not keys:
            break
    return found


def _versions(index: Index, pipeline: str, pair: Sequence[Run]) -> dict[str, int]:
    """Run id -> the version that it pushed, of the two runs."""
    ids = {run.id for run in pair}
    return {
        row.id: row.outcome.pushed
        for row in pages.pushes(index.runs(pipeline))
        if row.id in ids and row.outcome and row.outcome.pushed
    }
