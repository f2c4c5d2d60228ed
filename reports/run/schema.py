"""The section on the schema and on Transform: rules of each feature, features before and after, vocabularies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from reports.page import Section, render
from reports.run import feature_statistics, schema_table, transform_facts
from reports.run.distributions import Series
from reports.run.feature_cards import Card, card
from reports.run.feature_statistics import Split
from reports.run.schema_table import Row
from reports.run.transform_facts import Vocabulary
from reports.run_facts import Missing, RunFacts
from reports.words import number

ID, TITLE = "schema", "Schema and Transform"
OPEN_ROWS, MOST_ROWS = 30, 1_000
OPEN_PAIRS, MOST_PAIRS = 24, 400
MOST_VOCABULARIES = 30
ENDING, INDICATOR = "_xf", "_missing"
"""Of the names that the trainer modules give to what they make of a feature; 1 where the value is missing, else 0."""
_PIECES = 12


@dataclass(frozen=True)
class Change:
    """A transformed feature beside the raw one that it was made from (None where that is not known).

    told: what happened to the values, in a sentence; indicator: the feature beside it that tells missing ones; pieces: (raw values, what they became, examples).
    """

    name: str
    source: str
    shape: str
    told: str
    before: Card | None
    after: Card | None
    pieces: Sequence[tuple[str, str, int]] = ()
    more: int = 0
    indicator: str = ""


@dataclass
class Content:
    """All that the section shows; `notes` says in a sentence each what is not there."""

    rows: Sequence[Row] = ()
    curated: bool = False
    changes: Sequence[Change] = ()
    examples: int = 0
    vocabularies: Sequence[Vocabulary] = ()
    notes: list[str] = field(default_factory=list)


def section(facts: RunFacts) -> Section:
    """The schema of a run and what Transform made, from the artifacts of SchemaGen, Transform and StatisticsGen.

    Raises:
      Missing: the run has neither of the first two any more.
    """
    content = read(facts)
    if not content.rows and not content.changes:
        raise Missing(" ".join(content.notes))
    limits = {
        "open_rows": OPEN_ROWS,
        "most_rows": MOST_ROWS,
        "open_pairs": OPEN_PAIRS,
        "most_pairs": MOST_PAIRS,
    }
    return Section(
        ID,
        TITLE,
        render("schema.html", content=content, most_vocabularies=MOST_VOCABULARIES, **limits),
    )


def read(facts: RunFacts) -> Content:
    """What the artifacts of the run hold."""
    content = Content(curated=bool(facts.config.get("schema", {}).get("curated")))
    try:
        schema = schema_table.read(facts.folder("SchemaGen", "schema"))
        if schema is None:
            content.notes.append("The schema of SchemaGen has no file that can be read.")
        else:
            content.rows = schema_table.rows(schema)
    except Missing as missing:
        content.notes.append(str(missing))
    try:
        made = transform_facts.read(facts.folder("Transform", "transform_graph"))
    except Missing as missing:
        content.notes.append(str(missing))
        return content
    if not made.features:
        content.notes.append("The transform graph has no schema that can be read.")
    try:
        raw = feature_statistics.read(facts.folder("StatisticsGen", "statistics")).get("train")
    except Missing as missing:
        content.notes.append(str(missing))
        raw = None
    names = {feature.name for feature in made.features}
    content.changes = [
        _change(feature, raw, made.statistics, made.maps, names)
        for feature in made.features
        if not _is_indicator(feature.name, names)
    ]
    content.vocabularies = made.vocabularies
    content.examples = made.statistics.examples if made.statistics else 0
    if made.features and made.statistics is None:
        content.notes.append(
            "Transformed features have no statistics: the run is of an older version of this project, or Beam's workers"
            " made them."
        )
    return content


def _is_indicator(name: str, names: Collection[str]) -> bool:
    return name.endswith(INDICATOR) and name.removesuffix(INDICATOR) in names


def _change(
    feature: schema_pb2.Feature,
    raw: Split | None,
    made: Split | None,
    maps: Mapping[str, Mapping[str, Any]],
    names: Collection[str],
) -> Change:
    source = feature.name.removesuffix(ENDING)
    if source == feature.name or (raw is not None and source not in raw.features):
        source = ""
    told, pieces, more = _told(maps.get(feature.name, {}))
    indicator = f"{feature.name}{INDICATOR}"
    return Change(
        name=feature.name,
        source=source,
        shape=schema_table.shape(feature),
        told=told,
        before=_card(raw, source),
        after=_card(made, feature.name),
        pieces=pieces,
        more=more,
        indicator=f"beside it {indicator}: 1 where the value is missing, else 0"
        if indicator in names
        else "",
    )


def _card(split: Split | None, name: str) -> Card | None:
    if split is None or name not in split.features:
        return None
    return card([Series("train", 0, split.features[name])])


def _told(one: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, int]], int]:
    """What became of the values in a sentence; some of them, and how many more there are."""
    kind = one.get("kind")
    if kind == "as it is":
        return "as it is", [], 0
    if kind == "scaled":
        return f"minus the mean {number(one['mean'])}, divided by {number(one['deviation'])}", [], 0
    if kind == "buckets":
        pieces = [
            (f"{number(piece['low'])} to {number(piece['high'])}", str(piece["index"]), piece["examples"])
            for piece in one["buckets"]
        ]
        return f"{len(pieces)} buckets", pieces[:_PIECES], max(0, len(pieces) - _PIECES)
    if kind == "values":
        pieces = [(str(value), str(index), examples) for value, index, examples in one["values"]]
        more = max(0, len(pieces) - _PIECES) + int(one.get("others", 0))
        return "an index for each value", pieces[:_PIECES], more
    return "", [], 0
