"""Counters and histograms as TF Serving's Prometheus exporter prints them.

prometheus-client's own counters would end in `_total` and its bucket limits would carry more digits, so that dashboards
made for TF Serving would find nothing; these are collectors for its registry with the exporter's text.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.registry import Collector, CollectorRegistry

CONTENT_TYPE = "text/plain"

# Model names come from clients: without a bound, made-up names would fill the memory.
MAX_SERIES = 4096


class Counter(Collector):
    """A number per combination of label values that only grows."""

    def __init__(self, name: str, labels: Iterable[str] = (), text: str = "") -> None:
        self._name, self._labels, self._text = name, tuple(labels), text
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """Counts for one combination of label values; those beyond `MAX_SERIES` are counted together."""
        with self._lock:
            key = _bounded(labels, self._values)
            self._values[key] = self._values.get(key, 0) + by

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._name, self._text, "counter")
        with self._lock:
            values = sorted(self._values.items())
        for labels, value in values:
            metric.add_sample(self._name, dict(zip(self._labels, labels, strict=True)), value)
        yield metric


class Histogram(Collector):
    """How often a value fell below each limit, per combination of label values."""

    def __init__(self, name: str, limits: list[float], labels: Iterable[str] = (), text: str = "") -> None:
        self._name, self._labels, self._text = name, tuple(labels), text
        self._limits = limits
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], list[float]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Counts the value for one combination of label values; those beyond `MAX_SERIES` are counted together."""
        bucket = bisect_right(self._limits, value)
        with self._lock:
            cells = self._values.get(labels)
            if cells is None:
                cells = self._values.setdefault(_bounded(labels, self._values), [0] * (len(self._limits) + 2))
            cells[bucket] += 1
            cells[-1] += value

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._name, self._text, "histogram")
        with self._lock:
            values = sorted((labels, list(cells)) for labels, cells in self._values.items())
        for labels, (*counts, total) in values:
            named = dict(zip(self._labels, labels, strict=True))
            below = 0.0
            for limit, count in zip([*(f"{x:g}" for x in self._limits), "+Inf"], counts, strict=True):
                below += count
                metric.add_sample(f"{self._name}_bucket", {**named, "le": limit}, below)
            metric.add_sample(f"{self._name}_sum", named, total)
            metric.add_sample(f"{self._name}_count", named, below)
        yield metric


def exponential(scale: float, growth: float, count: int) -> list[float]:
    """The limits scale, scale * growth, scale * growth^2, ...: `count` of them."""
    limits = [scale]
    while len(limits) < count:
        limits.append(limits[-1] * growth)
    return limits


def exposition(registry: CollectorRegistry) -> bytes:
    """The registry's metrics in Prometheus' text format, families without a sample left out."""
    lines = []
    for metric in registry.collect():
        if not metric.samples:
            continue
        name = metric.name
        if metric.type == "counter" and metric.samples[0].name == f"{name}_total":
            name = f"{name}_total"
        lines.append(f"# TYPE {name} {metric.type}")
        for sample in metric.samples:
            labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
            lines.append(f"{sample.name}{{{labels}}} {_number(sample.value)}")
    return ("\n".join(lines) + "\n").encode(errors="replace")


def _bounded(labels: tuple[str, ...], values: Mapping[tuple[str, ...], object]) -> tuple[str, ...]:
    if labels in values or len(values) < MAX_SERIES:
        return labels
    return ("",) * len(labels)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return f"{int(value)}" if value == int(value) else repr(value)
