"""The page of the benchmarks has a place for every table, and only the table is rewritten."""

from __future__ import annotations

import pytest

from benchmarks import bench


@pytest.mark.parametrize("name", list(bench.COMMANDS))
def test_the_page_has_a_place_for_every_table(name: str) -> None:
    page = bench.PAGE.read_text()
    rewritten = bench.replaced(page, name, "| a |")
    assert f"<!-- {name} -->\n| a |\n<!-- /{name} -->" in rewritten
    assert rewritten.partition(f"<!-- {name} -->")[0] == page.partition(f"<!-- {name} -->")[0]
    assert rewritten.partition(f"<!-- /{name} -->")[2] == page.partition(f"<!-- /{name} -->")[2]


def test_a_missing_place_is_named() -> None:
    with pytest.raises(ValueError, match="<!-- scale -->"):
        bench.replaced("no marks", "scale", "")
