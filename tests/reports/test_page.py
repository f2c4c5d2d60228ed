from __future__ import annotations

from markupsafe import Markup

from reports import charts
from reports.page import Section, page

EVIL = '</style><script>alert(1)</script><img src=x onerror="alert(1)">'


def test_a_page_escapes_what_is_no_markup() -> None:
    sections = [Section("a", EVIL, Markup("<p>kept</p>")), Section("b", "gone", empty=EVIL)]
    html = page(EVIL, sections, subtitle=EVIL)
    assert "<script>" not in html
    assert "<img" not in html
    assert "<p>kept</p>" in html
    assert "default-src 'none'" in html


def test_a_chart_escapes_names_and_is_described() -> None:
    points = [{"x": x, "y": x * x, "series": EVIL} for x in range(5)]
    drawn = charts.svg(charts.lines(points, [EVIL], EVIL, EVIL, title=EVIL), EVIL)
    assert drawn.startswith('<svg role="img" aria-label="')
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "var(--series-1)" in drawn


def test_ids_of_two_charts_differ() -> None:
    points = [{"x": x, "y": x, "series": "train"} for x in range(3)]
    first, second = (
        charts.svg(
            {
                **charts.lines(points, ["train"], "x", "y"),
                "mark": {"type": "line", "clip": True},
                "title": title,
            },
            title,
        )
        for title in ("one", "two")
    )
    assert _ids(first)
    assert _ids(first).isdisjoint(_ids(second))


def _ids(text: str) -> set[str]:
    return {part.partition('"')[0] for part in text.split(' id="')[1:]}
