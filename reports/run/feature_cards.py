"""A feature as a card: its distribution in several data sets, laid over each other, and its figures side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from reports.run.distributions import Histogram, Series, Value, histogram, picture, top_values
from reports.run.feature_statistics import Feature
from reports.words import count, number, percent

MOST_VALUES = 8
_BEYOND = 0.005
_NOTHING = 1e-6

Figure = Callable[[Feature], str]


@dataclass(frozen=True)
class Tag:
    """A short remark; state is ok, bad, warn or empty."""

    text: str
    state: str = ""


@dataclass(frozen=True)
class Bar:
    """A text value with its share of each series as text, and as parts of the longest bar (0 to 1, None: not known)."""

    name: str
    shares: Sequence[str]
    widths: Sequence[float | None]


@dataclass(frozen=True)
class Card:
    """What is shown of a feature.

    chart with its axis (the values at its ends) for numbers, bars for texts; `note` says what the picture leaves out.
    figures: (name, a text for each of `columns`). series: those in the picture.
    """

    name: str
    kind: str
    series: Sequence[Series]
    columns: Sequence[str]
    figures: Sequence[tuple[str, Sequence[str]]]
    tags: Sequence[Tag] = ()
    chart: Markup | None = None
    axis: tuple[str, str] = ("", "")
    bars: Sequence[Bar] = field(default_factory=list)
    note: str = ""


def card(
    series: Sequence[Series],
    tags: Sequence[Tag] = (),
    drawn: Sequence[str] | None = None,
    title: str = "",
    note: str = "",
) -> Card:
    """The card of one feature.

    Args:
      series: the feature in each data set that has it; at least one.
      tags: remarks beside the name.
      drawn: labels of the series that are in the picture; all of them when not given.
      title: what it is called in the place of its name.
      note: a remark below the picture.
    """
    first = series[0].feature
    shown = [one for one in series if drawn is None or one.label in drawn] or list(series[:1])
    name, kind = title or first.name, first.kind
    columns, figures = [one.label for one in series], _figures(series)
    if first.kind == "text":
        if _all_differ(first):
            notes = [note, "no value is there twice"]
            return Card(name, kind, shown, columns, figures, tags, note=" · ".join(filter(None, notes)))
        values, others = top_values(shown, MOST_VALUES)
        if values and max(share or 0 for value in values for share in value.shares) > 0:
            notes = [note, f"{others:,} more values" if others else ""]
            return Card(
                name,
                kind,
                shown,
                columns,
                figures,
                tags,
                bars=_bars(values),
                note=" · ".join(filter(None, notes)),
            )
        return Card(name, kind, shown, columns, figures, tags, note=note)
    found = histogram(shown)
    if found is None:
        return Card(name, kind, shown, columns, figures, tags, note=note)
    labels = ", ".join(one.label for one in shown)
    axis = plain(kind, float(found.edges[0])), plain(kind, float(found.edges[-1]))
    notes = [note, _beyond(found)]
    chart = picture(found, shown, f"Distribution of {name} in {labels}, from {axis[0]} to {axis[1]}")
    return Card(
        name,
        kind,
        shown,
        columns,
        figures,
        tags,
        chart,
        axis,
        note=" · ".join(text for text in notes if text),
    )


def _all_differ(one: Feature) -> bool:
    return one.values > MOST_VALUES and one.unique == one.values


def plain(kind: str, value: float | None) -> str:
    """A value as data have it: a whole number without decimals, a year without a comma."""
    if value is None or kind != "int" or value != int(value):
        return number(value)
    return str(int(value)) if abs(value) < 10_000 else f"{int(value):,}"


def _beyond(found: Histogram) -> str:
    return f"{percent(found.beyond)} of the values lie beyond" if found.beyond > _BEYOND else ""


def _bars(values: Sequence[Value]) -> list[Bar]:
    top = max(share or 0 for value in values for share in value.shares)
    return [
        Bar(
            value.name,
            [percent(share) if share is not None else "" for share in value.shares],
            [None if share is None else share / top for share in value.shares],
        )
        for value in values
    ]


def _figures(series: Sequence[Series]) -> list[tuple[str, list[str]]]:
    names: tuple[tuple[str, Figure], ...] = (
        ("missing", lambda one: count(one.missing)),
        ("% missing", lambda one: percent(one.missing / one.examples) if one.missing else ""),
        ("values each", _values_each),
        ("zeros", lambda one: count(one.zeros) if one.zeros else ""),
        ("% zeros", lambda one: percent(one.zeros / max(1, one.values)) if one.zeros else ""),
        ("mean", _mean),
        ("deviation", lambda one: number(one.deviation)),
        ("smallest", lambda one: plain(one.kind, one.smallest)),
        ("median", lambda one: plain(one.kind, one.median)),
        ("largest", lambda one: plain(one.kind, one.largest)),
        ("distinct", lambda one: count(one.unique)),
        ("mean length" if series[0].feature.kind == "text" else "mean bytes", lambda one: number(one.average_length)),
    )  # fmt: skip
    rows = [(name, [figure(one.feature) for one in series]) for name, figure in names]
    return [(name, texts) for name, texts in rows if any(texts)]


def _mean(one: Feature) -> str:
    # What is left of a mean of zero in float32.
    is_nothing = one.mean is not None and abs(one.mean) < _NOTHING * (one.deviation or 0)
    return "0" if is_nothing else number(one.mean)


def _values_each(one: Feature) -> str:
    present = one.examples - one.missing
    return number(one.values / present) if present and one.values != present else ""
