"""Which runs of a list are shown: by kind, state, push, day of start and text; and which page of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.errors import BadInput
from pipeline.runs import EVALUATION, TRAINING
from reports.ui.index import Row

STATES = ("succeeded", "gate_failed", "failed", "interrupted", "running")
KINDS = (TRAINING, EVALUATION)
PUSHED = ("yes", "no")
PAGE = 50


@dataclass(frozen=True)
class Filter:
    """What is asked for; an empty text asks for nothing. Days are ISO 8601 in UTC, and both of them count."""

    text: str = ""
    kind: str = ""
    state: str = ""
    pushed: str = ""
    since: str = ""
    until: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    @property
    def query(self) -> dict[str, str]:
        """As part of an address."""
        return {key: value for key, value in vars(self).items() if value}

    def fits(self, row: Row) -> bool:
        """Whether a run is asked for; of an outcome that is not known yet it is not."""
        if self.kind and row.kind != self.kind:
            return False
        if self.state and row.shown_state != self.state:
            return False
        if self.pushed and (
            row.outcome is None or (row.outcome.pushed is not None) is not (self.pushed == "yes")
        ):
            return False
        day = row.started[:10]
        if (self.since and day < self.since) or (self.until and day > self.until):
            return False
        wanted = self.text.casefold().split()
        own = f"{row.id} {row.about} {row.reason}".casefold()
        return all(word in own or word in _folded(row.config) for word in wanted)


def parse(query: Mapping[str, str]) -> Filter:
    """The filter in an address.

    Raises:
      BadInput: a value is none of those that there are.
    """
    found = {key: query.get(key, "").strip() for key in ("text", "kind", "state", "pushed", "since", "until")}
    for key, known in (("kind", KINDS), ("state", STATES), ("pushed", PUSHED)):
        if found[key] and found[key] not in known:
            raise BadInput(f"{key}={found[key]}: choose one of {', '.join(known)}.")
    for key in ("since", "until"):
        if found[key]:
            found[key] = _day(key, found[key])
    return Filter(**found)


@dataclass(frozen=True)
class Page:
    """A part of a list: its number from 1, of how many, the items on it, and how many there are in all."""

    number: int
    last: int
    items: Sequence[Any]
    count: int


def page(items: Sequence[Any], number: str) -> Page:
    """A page of a list; a number beyond the last page shows the last one.

    Raises:
      BadInput: the number is none.
    """
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise BadInput(f"page={number}: write a whole number.")
    last = max(1, -(-len(items) // PAGE))
    shown = min(max(int(number), 1), last)
    return Page(shown, last, items[(shown - 1) * PAGE : shown * PAGE], len(items))


# Most runs have the configuration of the one before.
_folded = functools.lru_cache(maxsize=256)(str.casefold)


def _day(key: str, value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise BadInput(f"{key}={value}: write a day as 2026-11-23.") from None
