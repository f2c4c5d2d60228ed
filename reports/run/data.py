"""The section on data: anomalies, drift and skew, the distribution of every feature, images and texts themselves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components.image_example_gen.constants import WARNINGS
from components.text_example_gen import report as text_report
from pipeline import metadata
from pipeline.facts import parsed
from reports import examples
from reports.page import Section, render
from reports.run import anomalies, earlier_data, feature_statistics, pictures, texts, unseen
from reports.run.anomalies import Findings
from reports.run.distributions import Series
from reports.run.earlier_data import EarlierData
from reports.run.feature_cards import Card, Tag, card
from reports.run.feature_statistics import Split
from reports.run.unseen import Moved
from reports.run_facts import Missing, RunFacts
from reports.words import number

ID, TITLE = "data", "Data"
OPEN_CARDS = 24
MOST_CARDS = 400
MOST_ANOMALIES = 50
OPEN_ROWS = 12
SAMPLE_ROWS, SAMPLE_COLUMNS, LONGEST_CELL = 5, 40, 80
_COLOURS = {"train": 0, "valid": 1, "eval": 2, unseen.SPLIT: 2}
_EARLIER = 3
_OTHER = 4


@dataclass
class Content:
    """All that the section shows; a part that is not there is empty, and a sentence among `notes` says why."""

    splits: Mapping[str, Split] = field(default_factory=dict)
    earlier: EarlierData | None = None
    findings: Findings | None = None
    moved: Sequence[Moved] = ()
    cards: Sequence[Card] = ()
    lengths: Sequence[Card] = ()
    sheets: Sequence[tuple[str, pictures.Sheet]] = ()
    texts: Sequence[texts.Texts] = ()
    sampled: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    warnings: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def legend(self) -> list[tuple[str, int]]:
        """The series of the pictures with their colours."""
        drawn = [(name, _COLOURS.get(name, _OTHER)) for name in self.splits if name != "valid"]
        return [*drawn, (self.earlier.name, _colour(self.earlier))] if self.earlier else drawn


def section(facts: RunFacts) -> Section:
    """The data of a run, from the artifacts of ExampleGen, StatisticsGen and ExampleValidator.

    Raises:
      Missing: the run has none of them any more.
    """
    content = read(facts)
    if not content.splits and content.findings is None and not content.rows:
        raise Missing(" ".join(content.notes))
    html = render(
        "data.html",
        content=content,
        found=content.findings.anomalies if content.findings else (),
        most_anomalies=MOST_ANOMALIES,
        drift=unseen.drift_in_words(content.moved),
        open_rows=OPEN_ROWS,
        open_cards=OPEN_CARDS,
        most_cards=MOST_CARDS,
        train=content.splits.get("train"),
        per_class=pictures.PER_CLASS,
    )
    return Section(ID, TITLE, html)


def read(facts: RunFacts) -> Content:
    """What the artifacts of the run hold."""
    content = Content()
    try:
        content.splits = _named(facts, feature_statistics.read(facts.folder("StatisticsGen", "statistics")))
        if not content.splits:
            content.notes.append("The statistics of StatisticsGen have no file that can be read.")
    except Missing as missing:
        content.notes.append(str(missing))
    try:
        folder = facts.folder("ExampleValidator", "anomalies")
        content.findings, content.moved = anomalies.read(folder), unseen.drift(folder)
        if content.findings and facts.is_evaluation:
            named = [replace(one, split=unseen.SPLIT) for one in content.findings.anomalies]
            # Drift stands with `moved`.
            content.findings = Findings(named, ())
        if content.findings is None:
            content.notes.append("The anomalies of ExampleValidator have no file that can be read.")
    except Missing as missing:
        content.notes.append(str(missing))
    if content.splits:
        content.earlier = earlier_data.find(facts)
        if facts.is_evaluation and content.earlier is None:
            content.notes.append("The statistics of the training data are gone: the new data stand alone.")
        _add_cards(content, facts.labels)
    try:
        _add_samples(content, facts)
    except Missing as missing:
        content.notes.append(str(missing))
    return content


def _named(facts: RunFacts, splits: Mapping[str, Split]) -> Mapping[str, Split]:
    """Splits as they are called; unseen data have one alone."""
    if not facts.is_evaluation or len(splits) != 1:
        return splits
    [only] = splits.values()
    return {unseen.SPLIT: replace(only, name=unseen.SPLIT)}


def _colour(earlier: EarlierData) -> int:
    return _COLOURS["train"] if earlier.name == earlier_data.TRAINING else _EARLIER


def _add_cards(content: Content, labels: Sequence[str]) -> None:
    earlier = (
        feature_statistics.read(content.earlier.folder).get("train", Split("", 0, {}))
        if content.earlier
        else Split("", 0, {})
    )
    names = list(dict.fromkeys(name for split in content.splits.values() for name in split.features))
    wrong = content.findings.features if content.findings else set()
    drifted = {row.column: row.style for row in content.moved if row.drifted}
    if len(names) > OPEN_CARDS:
        # What people look for first stands where it is seen without opening anything.
        names.sort(key=lambda name: (name not in wrong, name not in drifted, name not in labels))
    lengths: list[Card] = []
    cards: list[Card] = []
    for name in names:
        series = [
            Series(split.name, _COLOURS.get(split.name, _OTHER), split.features[name])
            for split in content.splits.values()
            if name in split.features
        ]
        if content.earlier and name in earlier.features:
            former = Series(content.earlier.name, _colour(content.earlier), earlier.features[name])
            # The first is drawn as bars: what a model was trained on is what others are held against.
            series.insert(0 if content.earlier.name == earlier_data.TRAINING else len(series), former)
        drawn = [one.label for one in series if one.label != "valid"]
        tags = _tags(name, labels, content.findings)
        tags += [Tag("drifted", drifted[name])] if name in drifted else []
        source = series[0].feature.derived_from
        (lengths if source else cards).append(card(series, tags, drawn))
    content.cards, content.lengths = cards, lengths


def _tags(name: str, labels: Sequence[str], findings: Findings | None) -> list[Tag]:
    tags = [Tag("label")] if name in labels else []
    if findings is None:
        return tags
    if name in findings.features:
        tags.append(Tag("anomaly", "bad"))
    for one in findings.of(name):
        text = f"{one.kind} {number(one.value)} of {number(one.threshold)}"
        tags.append(Tag(text, "bad" if one.is_high else "ok"))
    return tags


def _add_samples(content: Content, facts: RunFacts) -> None:
    recorded = metadata.properties(facts.artifact("ExampleGen", "examples"))
    content.warnings = [str(line) for line in parsed(recorded.get(WARNINGS), None) or []]
    folder = facts.folder("ExampleGen", "examples")
    splits = [path.name.removeprefix("Split-") for path in sorted(folder.glob("Split-*"))]
    order = [name for name in ("train", "eval") if name in splits] or splits[:1]
    report = text_report.read(folder)
    if report:
        content.texts = texts.read(folder, order, report)
        return
    if not order:
        return
    content.sampled = unseen.SPLIT if facts.is_evaluation else order[0]
    first = list(itertools.islice(examples.read(folder, order[0]), SAMPLE_ROWS))
    images = sorted({name for row in first for name, values in row.items() if pictures.is_image(values)})
    label = facts.labels[0] if facts.labels else ""
    content.sheets = [(name, pictures.sheet(examples.read(folder, order[0]), name, label)) for name in images]
    columns = sorted({name for row in first for name in row} - set(images))
    content.columns = sorted(columns, key=lambda name: name not in facts.labels)[:SAMPLE_COLUMNS]
    content.rows = [[_cell(row.get(name, [])) for name in content.columns] for row in first]


def _cell(values: Sequence[Any]) -> str:
    text = ", ".join(number(_short(value)) if not isinstance(value, bytes) else value.decode("utf-8", "replace") for value in values[:20])  # fmt: skip
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}..."


def _short(value: float) -> float:
    """A float32 of an example with as few digits as tell it."""
    return value if isinstance(value, int) else float(f"{value:.7g}")
