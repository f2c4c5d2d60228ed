"""Which features the answers come from: permutation importance and integrated gradients, and how they have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from components.attributions.constants import OVERALL, PICTURES, REPORT, TASKS
from reports import mistakes
from reports.charts import MUTED, SERIES, svg
from reports.page import Section, render
from reports.run_facts import RunFacts

ID, TITLE = "attributions", "Feature attributions"
MOST_FEATURES = 25
MOST_SLICES = 40


def section(facts: RunFacts) -> Section:
    """The section; empty where the pipeline measures none.

    Raises:
      Missing: the run has not come so far, or the files are gone.
    """
    if facts.task and facts.task not in TASKS:
        return Section(
            ID, TITLE, empty=f"There are none for the task {facts.task}, only for {', '.join(TASKS)}."
        )
    if facts.config and facts.config.get("attributions") is None:
        return Section(
            ID, TITLE, empty="This pipeline measures none: `attributions: {}` in its file turns them on."
        )
    found = facts.json("Attributions", "attributions", REPORT)
    folder = facts.folder("Attributions", "attributions") / PICTURES
    gradients = found["gradients"]
    methods = [
        _method("permutation", f"Permutation importance: what {found['metric']} loses", found["permutation"])
    ]
    if gradients:
        methods.append(_method("gradients", "Integrated gradients", gradients))
    return Section(
        ID,
        TITLE,
        render(
            "attributions.html",
            methods=methods,
            metric=found["metric"],
            examples=found["examples"],
            permutation=found["permutation"],
            gradients=gradients,
            drift=found["drift"],
            max_drift=found["max_drift"],
            words=_words(gradients["tokens"]) if gradients and "tokens" in gradients else [],
            samples=_samples(gradients.get("samples", [])) if gradients else [],
            pictures=_pictures(gradients, folder) if gradients else [],
        ),
    )


def _method(name: str, title: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Bars of each output overall, and shares by slice."""
    rows = found["rows"]
    outputs = list(dict.fromkeys(row["output"] for row in rows))
    return {
        "name": name,
        "title": title,
        "outputs": [
            {
                "name": output,
                "chart": _bars(
                    [row for row in rows if row["output"] == output and row["slice"] == OVERALL], title
                ),
                "rows": [row for row in rows if row["output"] == output and row["slice"] == OVERALL],
                "slices": _by_slice([row for row in rows if row["output"] == output]),
            }
            for output in outputs
        ],
    }


def _bars(rows: Sequence[Mapping[str, Any]], title: str) -> Markup:
    """Importances with their intervals, the largest at the top."""
    shown = [dict(row) for row in rows[:MOST_FEATURES]]
    names = [row["feature"] for row in shown]
    y = {"field": "feature", "type": "nominal", "sort": names, "title": None}
    spec = {
        "data": {"values": shown},
        "height": {"step": 18},
        "padding": {"left": 40, "top": 2, "right": 8, "bottom": 2},
        "layer": [
            {
                "mark": {"type": "bar", "color": SERIES[0], "height": 10},
                "encoding": {"y": y, "x": {"field": "importance", "type": "quantitative", "title": title}},
            },
            {
                "mark": {"type": "rule", "color": MUTED},
                "encoding": {
                    "y": y,
                    "x": {"field": "lower", "type": "quantitative"},
                    "x2": {"field": "upper"},
                },
            },
        ],
    }
    first = f", most by {names[0]}" if names else ""
    return svg(spec, f"{title} of {len(rows)} features{first}; lines are intervals of 95 %.")


def _by_slice(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares of the features in every slice, features in the order of their importance overall."""
    features = [row["feature"] for row in rows if row["slice"] == OVERALL][:MOST_FEATURES]
    slices = list(dict.fromkeys(row["slice"] for row in rows))[: MOST_SLICES + 1]
    shares = {(row["slice"], row["feature"]): row["share"] for row in rows}
    examples = {row["slice"]: row["examples"] for row in rows}
    return {
        "features": features,
        "rows": [
            {
                "name": name,
                "examples": examples[name],
                "shares": [shares.get((name, one)) for one in features],
            }
            for name in slices
        ],
    }


def _words(tokens: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {"title": "Words that raise the answer", "rows": [row for row in tokens["for"] if row["mean"] > 0]},
        {"title": "Words that lower it", "rows": [row for row in tokens["against"] if row["mean"] < 0]},
    ]


def _samples(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Texts whose words have a strength, 0 to 1, and a sign."""
    found = []
    for sample in samples:
        strongest = max((abs(share) for _, share in sample["tokens"]), default=0.0) or 1.0
        words = [(word, round(abs(share) / strongest, 2), share > 0) for word, share in sample["tokens"]]
        found.append({"answer": sample["answer"], "words": words})
    return found


def _pictures(gradients: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    """(data: URI, what it shows) of each picture that is there."""
    named = [(row["file"], f"{row['answer']:.1%} sure") for row in gradients.get("pictures", [])]
    if "mean_picture" in gradients:
        named.append((gradients["mean_picture"], "mean over all images; dark pixels count most"))
    found = [(mistakes.whole(folder / Path(name).name), told) for name, told in named]
    return [(picture, told) for picture, told in found if picture]
