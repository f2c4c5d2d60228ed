"""Figures as Markdown tables: ratios of pairs that were measured side by side."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

Row = Sequence[str]


def lines(header: Row, rows: Iterable[Row]) -> Iterable[str]:
    """A Markdown table, line by line, as its rows come."""
    yield _line(header)
    yield _line(["---"] * len(header))
    for row in rows:
        yield _line(row)


def show(header: Row, rows: Iterable[Row]) -> None:
    """Prints a table, each row as soon as it is there."""
    for line in lines(header, rows):
        print(line, flush=True)


def ratio(pairs: Sequence[tuple[float, float]]) -> tuple[str, str]:
    """(median of second / first, its range) over pairs of figures."""
    ratios = [second / first for first, second in pairs]
    return f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}"


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"
