from __future__ import annotations

from benchmarks import table


def test_a_table_in_markdown() -> None:
    assert list(table.lines(("a", "b"), [("1", "2")])) == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_the_ratio_is_that_of_each_pair() -> None:
    assert table.ratio([(10.0, 5.0), (10.0, 2.0), (4.0, 3.0)]) == ("0.50", "0.20-0.75")
