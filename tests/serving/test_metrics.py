from __future__ import annotations

import pytest
from prometheus_client.registry import CollectorRegistry

from serving import metrics
from serving.metrics import Counter, Histogram, exponential, exposition


def page(*collectors: Counter | Histogram) -> list[str]:
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return exposition(registry).decode().splitlines()


def test_a_counter_keeps_its_name_and_has_no_created_time() -> None:
    counter = Counter(":test:path:count", ["name"])
    counter.add("abc", by=2)
    counter.add("abc")
    counter.add("b")
    assert page(counter) == [
        "# TYPE :test:path:count counter",
        ':test:path:count{name="abc"} 3',
        ':test:path:count{name="b"} 1',
    ]


def test_a_counter_without_labels() -> None:
    counter = Counter(":test:path:count")
    counter.add()
    assert page(counter) == ["# TYPE :test:path:count counter", ":test:path:count{} 1"]


def test_a_histogram_counts_up_to_each_limit() -> None:
    histogram = Histogram(":test:path:histogram", exponential(1, 2, 10), ["status"])
    for value in (2, 20, 200):
        histogram.observe(value, "good")
    buckets = {
        "1": 0,
        "2": 0,
        "4": 1,
        "8": 1,
        "16": 1,
        "32": 2,
        "64": 2,
        "128": 2,
        "256": 3,
        "512": 3,
        "+Inf": 3,
    }
    assert page(histogram) == [
        "# TYPE :test:path:histogram histogram",
        *(f':test:path:histogram_bucket{{status="good",le="{le}"}} {n}' for le, n in buckets.items()),
        ':test:path:histogram_sum{status="good"} 222',
        ':test:path:histogram_count{status="good"} 3',
    ]


def test_limits_are_written_with_six_digits() -> None:
    histogram = Histogram(":h", exponential(10, 1.8, 33))
    histogram.observe(0)
    limits = [line.split('"')[1] for line in page(histogram) if "le=" in line]
    assert limits[:6] == ["10", "18", "32.4", "58.32", "104.976", "188.957"]
    assert limits[19:21] == ["708235", "1.27482e+06"]
    assert len(limits) == 34


def test_what_was_never_counted_is_not_printed() -> None:
    assert page(Counter(":a", ["x"]), Histogram(":b", [1.0])) == [""]


@pytest.mark.parametrize(
    ("value", "written"),
    [('"abc\\"', r"\"abc\\\""), ("two\nlines", r"two\nlines"), ("größe", "größe")],
)
def test_label_values_are_escaped(value: str, written: str) -> None:
    counter = Counter(":c", ["name"])
    counter.add(value)
    assert page(counter)[1] == f':c{{name="{written}"}} 1'


def test_label_values_that_are_not_unicode_do_not_break_the_page() -> None:
    counter = Counter(":c", ["name"])
    counter.add("\udcff")
    assert page(counter)[1] == ':c{name="?"} 1'


def test_made_up_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_SERIES", 3)
    counter, histogram = Counter(":c", ["name"]), Histogram(":h", [1.0], ["name"])
    for number in range(10):
        counter.add(str(number))
        histogram.observe(0, str(number))
    counter.add("1")
    assert page(counter)[1:] == [
        ':c{name=""} 7',
        ':c{name="0"} 1',
        ':c{name="1"} 2',
        ':c{name="2"} 1',
    ]
    assert ':h_count{name=""} 7' in page(histogram)
