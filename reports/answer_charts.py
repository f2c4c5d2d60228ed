"""Charts of the answers to held-out examples: ROC, precision and recall, calibration, confusion, residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from components.evaluator import figures
from reports.charts import HEIGHT, INK, MUTED, SERIES, WIDTH, histogram, lines, svg
from reports.predictions import Predictions

POINTS = 120
DOTS = 600
MOST_CLASSES = 40
MOST_CURVES = 8
_SQUARE = {"width": 260, "height": 220}
_EVAL = "eval"
_REFERENCES = ("chance", "calibrated")


def of(
    predictions: Predictions, calibration: Mapping[str, Any] | None, confusion: Mapping[str, Any] | None
) -> list[tuple[Markup, str]]:
    """(chart, caption) of what fits the task."""
    task = predictions.task
    if task == "regression":
        return [chart for label in predictions.labels for chart in residuals(predictions, label)]
    found: list[tuple[Markup, str]] = []
    if task == "binary":
        found += [roc(predictions), precision_recall(predictions), scores(predictions)]
    elif task == "multiclass":
        found.append(roc_of_classes(predictions))
    if calibration:
        found.append(reliability(calibration))
    if confusion and len(confusion["classes"]) <= MOST_CLASSES:
        found.append(confusions(confusion))
    if task not in ("binary", "multiclass"):
        found.append(losses(predictions))
    return found


def roc_points(true: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates [T] at every threshold, from none to all."""
    order = np.argsort(-values, kind="stable")
    positive = true[order] == 1
    last = (
        np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1) if len(order) else np.array([], int)
    )
    hits, misses = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return np.append(0, misses / max(1, (~positive).sum())), np.append(0, hits / max(1, positive.sum()))


def roc(of: Predictions) -> tuple[Markup, str]:
    """The ROC curve of a binary model."""
    known = of.true >= 0
    area = figures.area_under_curve(of.true[known], of.scores[known])
    points = _curve(*roc_points(of.true[known], of.scores[known]), _EVAL)
    spec = lines(
        [*points, *_diagonal()], [_EVAL, "chance"], "false positive rate", "true positive rate", **_SQUARE
    )
    caption = f"ROC; the area under it is {area:.4f}."
    return svg(_on_unit(spec), caption), caption


def precision_recall(of: Predictions) -> tuple[Markup, str]:
    """Precision over recall of a binary model."""
    known = of.true >= 0
    true, values = of.true[known], of.scores[known]
    order = np.argsort(-values, kind="stable")
    last = (
        np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1) if len(order) else np.array([], int)
    )
    hits = np.cumsum(true[order] == 1)[last]
    recall, precision = hits / max(1, int((true == 1).sum())), hits / (last + 1)
    spec = lines(_curve(recall, precision, _EVAL), [_EVAL], "recall", "precision", **_SQUARE)
    share = float((true == 1).mean()) if len(true) else 0.0
    caption = f"Precision and recall; {share:.1%} of the examples are positive."
    return svg(_on_unit(spec), caption), caption


def scores(of: Predictions) -> tuple[Markup, str]:
    """How probabilities are spread over the examples of either class."""
    names, bins = of.names, []
    for place, name in enumerate(names):
        counts, edges = np.histogram(of.scores[of.true == place], 20, (0, 1))
        shares = counts / max(1, counts.sum())
        bins += [
            {"low": float(low), "high": float(high), "share": float(share), "series": name}
            for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
        ]
    caption = f"The probability of {names[1]}, by the true class."
    return svg(histogram(bins, names, f"probability of {names[1]}", **_SQUARE), caption), caption


def roc_of_classes(of: Predictions) -> tuple[Markup, str]:
    """The ROC curve of each class against the others; of the worst ones where there are many."""
    areas = {}
    for place, name in enumerate(of.names):
        area = figures.area_under_curve((of.true == place).astype(int), of.scores[:, place])
        if area == area:
            areas[place] = (area, name)
    worst = sorted(areas, key=lambda place: areas[place])[:MOST_CURVES]
    points = []
    for place in worst:
        points += _curve(*roc_points((of.true == place).astype(int), of.scores[:, place]), areas[place][1])
    spec = lines(
        points, [areas[place][1] for place in worst], "false positive rate", "true positive rate", **_SQUARE
    )
    lowest = (
        f"the smallest area is {areas[worst[0]][0]:.4f}, of {areas[worst[0]][1]}"
        if worst
        else "there are none"
    )
    which = f"the {MOST_CURVES} classes with the smallest areas" if len(areas) > MOST_CURVES else "each class"
    caption = f"ROC of {which} against the others; {lowest}."
    return svg(_on_unit(spec), caption), caption


def reliability(calibration: Mapping[str, Any]) -> tuple[Markup, str]:
    """Accuracy over confidence, bin by bin."""
    points = [
        {"x": bin_["confidence"], "y": bin_["accuracy"], "series": _EVAL, "examples": bin_["examples"]}
        for bin_ in calibration["bins"]
        if bin_["examples"] and bin_["confidence"] is not None
    ]
    spec = lines(
        [*points, *_diagonal("calibrated")], [_EVAL, "calibrated"], "confidence", "accuracy", **_SQUARE
    )
    spec = _on_unit(spec)
    del spec["mark"]
    dots = {
        "mark": {"type": "point", "filled": True, "color": SERIES[0]},
        "data": {"values": points},
        "encoding": {
            "x": spec["encoding"]["x"],
            "y": spec["encoding"]["y"],
            "size": {"field": "examples", "type": "quantitative", "legend": None},
        },
    }
    layers = {
        "layer": [{"mark": "line", "encoding": spec.pop("encoding"), "data": spec.pop("data")}, dots],
        **spec,
    }
    error = calibration["expected_calibration_error"]
    told = "is not known" if error is None else f"is {error:.4f}"
    caption = f"Calibration: larger dots hold more examples; the expected calibration error {told}."
    return svg(layers, caption), caption


def confusions(confusion: Mapping[str, Any]) -> tuple[Markup, str]:
    """Examples by true and predicted class; the shade is the share of the true class."""
    names = [str(name) for name in confusion["classes"]]
    cells = []
    for name, row in zip(names, confusion["counts"], strict=True):
        whole = sum(row)
        cells += [
            {"true": name, "predicted": other, "count": count, "share": count / whole if whole else 0.0}
            for other, count in zip(names, row, strict=True)
        ]
    side = max(18, min(44, 420 // max(1, len(names))))
    shade = {
        "field": "share",
        "type": "quantitative",
        "legend": None,
        "scale": {"domain": [0, 1], "range": [0.03, 0.85]},
    }
    place = {
        "x": {"field": "predicted", "type": "nominal", "sort": names, "axis": {"labelAngle": -40}},
        "y": {"field": "true", "type": "nominal", "sort": names},
    }
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rect", "color": SERIES[0]}, "encoding": {**place, "fillOpacity": shade}}
    ]
    if len(names) <= 15:
        shown = {"field": "count", "type": "quantitative"}
        layers.append(
            {"mark": {"type": "text", "color": INK, "fontSize": 10}, "encoding": {**place, "text": shown}}
        )
    size = {"width": {"step": side}, "height": {"step": side}}
    right = sum(confusion["counts"][place][place] for place in range(len(names)))
    whole = sum(map(sum, confusion["counts"])) + sum(confusion["unknown"])
    caption = f"Confusion: {right:,} of {whole:,} examples are on the diagonal; the shade is the share of the true class."
    return svg({"data": {"values": cells}, "layer": layers, **size}, caption), caption


def residuals(of: Predictions, label: str) -> list[tuple[Markup, str]]:
    """Predicted over true, and how the errors are spread, of one label."""
    true, predicted = of.numbers(label)
    known = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[known], predicted[known]
    if not len(true):
        return []
    step = max(1, len(true) // DOTS)
    dots = [
        {"x": float(x), "y": float(y), "series": _EVAL}
        for x, y in zip(true[::step], predicted[::step], strict=True)
    ]
    ends = [float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))]
    axes = {
        "x": {"field": "x", "type": "quantitative", "title": f"true {label}", "scale": {"zero": False}},
        "y": {"field": "y", "type": "quantitative", "title": "predicted", "scale": {"zero": False}},
    }
    scatter = {
        "layer": [
            {
                "data": {"values": [{"x": end, "y": end} for end in ends]},
                "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 4], "strokeWidth": 1},
                "encoding": axes,
            },
            {
                "data": {"values": dots},
                "mark": {"type": "point", "color": SERIES[0], "opacity": 0.45, "size": 14},
                "encoding": axes,
            },
        ],
        **_SQUARE,
    }
    errors = predicted - true
    counts, edges = _binned(errors, float(errors.min()), float(errors.max()))
    bins = [
        {"low": float(low), "high": float(high), "share": float(count / len(errors)), "series": _EVAL}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    first = f"Predicted over true {label}; on the line they are equal."
    second = f"Errors of {label}, predicted minus true: mean {errors.mean():.4g}, standard deviation {errors.std():.4g}."
    return [
        (svg(scatter, first), first),
        (svg(histogram(bins, [_EVAL], "error", **_SQUARE), second), second),
    ]


def losses(of: Predictions) -> tuple[Markup, str]:
    """How the losses are spread over the examples."""
    known = of.loss[np.isfinite(of.loss)]
    if not len(known):
        return Markup(), "No example has a loss."
    counts, edges = _binned(known, float(known.min()), float(np.percentile(known, 99.5)))
    bins = [
        {"low": float(low), "high": float(high), "share": float(count / len(known)), "series": _EVAL}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    what = "Nats per token" if of.has("tokens") else "The share of wrong tags"
    caption = f"{what} over the examples: median {np.median(known):.4g}, a tenth above {np.percentile(known, 90):.4g}."
    return svg(histogram(bins, [_EVAL], what.lower(), width=WIDTH, height=HEIGHT), caption), caption


def _binned(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges of 30 bins; values that are all the same have room on both sides."""
    room = 1e-6 * max(abs(low), abs(high), 1e-6)
    return np.histogram(values, 30, (low, high) if high - low > room else (low - room, high + room))


def _curve(x: np.ndarray, y: np.ndarray, series: str) -> list[dict[str, Any]]:
    places = (
        np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int)) if len(x) else np.array([], int)
    )
    return [{"x": float(x[place]), "y": float(y[place]), "series": series} for place in places]


def _diagonal(series: str = "chance") -> list[dict[str, Any]]:
    return [{"x": 0, "y": 0, "series": series}, {"x": 1, "y": 1, "series": series}]


def _on_unit(spec: dict[str, Any]) -> dict[str, Any]:
    """Both axes from 0 to 1, and what is only to compare with in grey."""
    scale = spec["encoding"]["color"]["scale"]
    for place, name in enumerate(scale["domain"]):
        if name in _REFERENCES:
            scale["range"][place] = MUTED
    for axis in ("x", "y"):
        spec["encoding"][axis]["scale"] = {"domain": [0, 1]}
    return spec
