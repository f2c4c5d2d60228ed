"""How the model was trained: curves, hyperparameters, the Tuner's trials, and the model itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline import compare
from pipeline import facts as artifact_facts
from reports import charts, graph, words
from reports.page import Section, render
from reports.run_facts import Missing, RunFacts

# A diagram with more boxes than this tells less than the table.
MOST_BOXES = 60
_SHOWN_LAYERS = 12
_FACTS = (
    ("train_examples", "training examples"),
    ("valid_examples", "validation examples"),
    ("parameters", "parameters"),
    ("steps", "steps"),
    ("steps_per_epoch", "steps an epoch"),
    ("best_epoch", "best epoch"),
    ("seed", "seed"),
)


def section(facts: RunFacts) -> Section:
    """Curves, facts of the training, hyperparameters, trials, layers.

    Raises:
      Missing: the Trainer was not reached, or what it left is gone.
    """
    record = facts.json("Trainer", "model_run", "learning_curves.json")
    trials = _trials(facts)
    html = render(
        "training.html",
        charts=_curves(record),
        facts=list(_facts(record)),
        stages=record.get("stages", []),
        hyperparameters=hyperparameters(facts),
        trials=trials,
        plot=_parallel(trials) if len(trials) > 1 else "",
        model=_model(facts),
        shown=_SHOWN_LAYERS,
    )
    return Section("training", "Training", html)


def _curves(record: Mapping[str, Any]) -> list[Markup]:
    """A chart for each measure, of the train and the valid split, with the epoch that was kept."""
    epochs = record.get("epoch", [])
    names = [
        name
        for name, values in record.items()
        if name != "epoch" and isinstance(values, list) and name != "stages"
    ]
    measures = dict.fromkeys(name.removeprefix("val_") for name in names)
    drawn = []
    for measure in sorted(measures, key=lambda name: (name != "loss", name == "learning_rate", name)):
        found = {"train": record.get(measure, []), "valid": record.get(f"val_{measure}", [])}
        series = {name: values for name, values in found.items() if values}
        points = [
            {"x": epoch, "y": value, "series": name}
            for name, values in series.items()
            for epoch, value in zip(epochs, values, strict=False)
            if math.isfinite(value)
        ]
        kept = record.get("best_epoch")
        title = measure.replace("_", " ")
        described = f"{title} by epoch: " + ", ".join(
            f"{name} ends at {words.number(values[-1])}" for name, values in series.items()
        )
        drawn.append(charts.svg(_curve(points, list(series), title, kept), described))
    return drawn


def _curve(
    points: Sequence[Mapping[str, Any]], series: list[str], title: str, kept: int | None
) -> dict[str, Any]:
    spec = charts.lines(points, series, "epoch", "")
    if len({point["x"] for point in points}) == 1:
        spec["mark"] = "point"
        del spec["encoding"]["color"]["legend"]
    spec["encoding"]["x"]["axis"] = {"tickMinStep": 1, "format": "d", "grid": False}
    spec["encoding"]["y"]["title"] = None
    layers = [{"mark": spec.pop("mark"), "encoding": spec.pop("encoding")}]
    if kept:
        layers.append(
            {
                "data": {"values": [{"x": kept}]},
                "mark": {"type": "rule", "strokeDash": [3, 3], "color": charts.MUTED},
                "encoding": {"x": {"field": "x", "type": "quantitative"}},
            }
        )
    return {**spec, "title": title, "layer": layers}


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in _FACTS:
        if record.get(key) is not None:
            yield name, words.number(record[key])
    if record.get("stopped_early"):
        yield "stopped early", f"after epoch {len(record.get('epoch', []))}"
    if record.get("resumed_after_epoch"):
        yield "resumed", f"after epoch {record['resumed_after_epoch']}"
    seconds = record.get("seconds")
    if seconds is not None:
        yield "time", words.seconds(seconds)
        done = record.get("steps", 0) - record.get("resumed_after_epoch", 0) * record.get(
            "steps_per_epoch", 0
        )
        if done > 0:
            yield "time a step, with validation", f"{words.number(1000 * seconds / done, 3)} ms"


def hyperparameters(facts: RunFacts) -> list[tuple[str, str, bool]]:
    """(key, value, whether the Tuner chose it) of what the Trainer was given."""
    given = artifact_facts.parsed(facts.run.node("Trainer").exec_properties.get("custom_config"), {}) or {}
    config = {key: given[key] for key in ("features", "model", "training") if key in given}
    found = [(".".join(key), _plain(value), False) for key, value in compare.flat(config).items()]
    chosen = facts.outputs("Tuner", "best_hyperparameters")
    tuned = artifact_facts.described(chosen[0]).get("values") if chosen else None
    return found + [(key, _plain(value), True) for key, value in (tuned or {}).items()]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def _trials(facts: RunFacts) -> list[dict[str, Any]]:
    """The Tuner's trials, the best first: {"score": number, hyperparameter: value}."""
    try:
        trials = facts.json("Tuner", "tuner_results", "tuner_results.json")
    except Missing:
        return []
    return [{key: value for key, value in trial.items() if key != "trial_id"} for trial in trials]


def _parallel(trials: Sequence[Mapping[str, Any]]) -> Markup:
    """A line for each trial over an axis for each hyperparameter that varies, and one for its score."""
    keys = [key for key in dict.fromkeys(key for trial in trials for key in trial) if key != "score"]
    axes = [key for key in keys if len({str(trial.get(key)) for trial in trials}) > 1]
    places = {axis: _places([trial.get(axis) for trial in trials]) for axis in [*axes, "score"]}
    order = [*axes, "score"]
    rows = [
        {
            "trial": number,
            "axis": axis,
            "place": places[axis][number],
            "kind": "best" if number == 0 else "other",
        }
        for axis in order
        for number in range(len(trials))
        if places[axis][number] is not None
    ]
    ends = [
        {"axis": axis, "place": place, "text": words.number(value, 3)}
        for axis in order
        for place, value in _ends([trial.get(axis) for trial in trials])
    ]
    x = {
        "field": "axis",
        "type": "ordinal",
        "sort": order,
        "title": None,
        "scale": {"type": "point", "padding": 0.3},
    }
    x["axis"] = {
        "labelAngle": 0,
        "grid": True,
        "domain": False,
        "ticks": False,
        "labelPadding": 22,
        "orient": "top",
    }
    y = {"field": "place", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1]}}
    style = {"domain": ["best", "other"], "range": [charts.OK, charts.MUTED]}
    line = {
        "mark": {"type": "line", "strokeWidth": 1.5},
        "encoding": {
            "x": x,
            "y": y,
            "detail": {"field": "trial"},
            "color": {"field": "kind", "type": "nominal", "scale": style, "legend": None},
            "opacity": {"condition": {"test": "datum.kind == 'best'", "value": 1}, "value": 0.45},
            "order": {"field": "rank", "type": "quantitative"},
        },
    }
    label = {"data": {"values": ends}, "encoding": {"x": x, "y": y, "text": {"field": "text"}}}
    texts = [
        {**label, "transform": [{"filter": f"datum.place == {place}"}], "mark": {"type": "text", "dy": dy}}
        for place, dy in ((1, -9), (0, 10))
    ]
    spec = {
        "data": {"values": rows},
        "layer": [line, *texts],
        "width": max(360, 105 * len(order)),
        "height": 190,
    }
    best = ", ".join(f"{axis} {words.number(trials[0].get(axis), 3)}" for axis in order)
    return charts.svg(spec, f"{len(trials)} trials of the Tuner; the best: {best}")


def _places(values: Sequence[Any]) -> list[float | None]:
    """Where each value stands between the lowest and the highest, by logarithm where they are far apart."""
    numbers = [value for value in values if _is_number(value)]
    if len(numbers) < len([value for value in values if value is not None]):
        names = sorted({str(value) for value in values})
        return [names.index(str(value)) / max(len(names) - 1, 1) for value in values]
    far_apart = bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > 30
    scale = math.log if far_apart else float
    low, high = (scale(bound(numbers)) for bound in (min, max)) if numbers else (0.0, 1.0)
    return [None if v is None else (scale(v) - low) / (high - low) if high > low else 0.5 for v in values]


def _ends(values: Sequence[Any]) -> list[tuple[int, Any]]:
    numbers = [value for value in values if _is_number(value)]
    if len(numbers) == len(values):
        return [(0, min(numbers)), (1, max(numbers))]
    names = sorted({str(value) for value in values})
    return [(0, names[0]), (1, names[-1])]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _model(facts: RunFacts) -> dict[str, Any]:
    """The layers as rows, and as a picture where they branch; `missing` says why there are none."""
    try:
        model = facts.json("Trainer", "model_run", "model.json")
    except Missing as missing:
        return {"missing": str(missing)}
    layers = list(_rows(model["layers"]))
    return {**model, "rows": layers, "picture": _picture(model) if _branches(model) else ""}


def _rows(layers: Sequence[Mapping[str, Any]], depth: int = 0) -> Iterator[dict[str, Any]]:
    for layer in layers:
        settings = ", ".join(f"{key} {_plain(value)}" for key, value in layer["settings"].items())
        yield {**layer, "depth": depth, "said": settings, "size": _shape(layer["shape"])}
        yield from _rows(layer.get("layers", []), depth + 1)


def _shape(shape: Any) -> str:
    if shape is None:
        return ""
    if any(isinstance(side, list) for side in shape):
        return "; ".join(_shape(one) for one in shape)
    return " × ".join("any" if side is None else str(side) for side in shape) or "1"


def _branches(model: Mapping[str, Any]) -> bool:
    layers = model["layers"]
    several = sum(not layer["inputs"] for layer in layers) > 1 or any(
        len(layer["inputs"]) > 1 for layer in layers
    )
    return bool(model["connected"]) and several and len(layers) <= MOST_BOXES


def _picture(model: Mapping[str, Any]) -> Markup:
    layers = model["layers"]
    boxes = [
        graph.Node(
            layer["name"],
            layer["name"] if len(layer["name"]) <= 24 else layer["name"][:23] + "…",
            " · ".join(part for part in (_kind(layer), _shape(layer["shape"])) if part),
            hint=f"{layer['kind']} {layer['name']}: {words.number(layer['parameters'])} parameters",
        )
        for layer in layers
    ]
    edges = [
        graph.Edge(source, layer["name"], f"{source} → {layer['name']}")
        for layer in layers
        for source in layer["inputs"]
    ]
    return graph.svg(boxes, edges, f"The layers of {model['name']} and what feeds what", width=188)


def _kind(layer: Mapping[str, Any]) -> str:
    kind = str(layer["kind"]).replace("InputLayer", "input")
    return kind if kind.lower() not in layer["name"].replace("_", "") else ""
