"""Charts as SVG that stands in the page: Vega-Lite specs, drawn by vl-convert without a browser or a network.

Colours are the page's CSS variables, so that a chart is right in the dark and on paper. Names that come from data or
configuration are values of a field, never names of a field: Vega-Lite would read `a.b` or `c[0]` as a path.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

VEGA_LITE = "5.20"
WIDTH = 320
HEIGHT = 150

# Series that mean the same in every chart; others take SERIES in turn.
COLOURS = {
    "train": "var(--train)",
    "valid": "var(--valid)",
    "eval": "var(--eval)",
    "last span": "var(--former)",
    "last blessed": "var(--former)",
}
SERIES = tuple(f"var(--series-{n})" for n in range(1, 9))

INK, MUTED, RULE, OK, BAD = "var(--ink)", "var(--muted)", "var(--rule)", "var(--ok)", "var(--bad)"

_FONT = "system-ui, sans-serif"
_THEME: dict[str, Any] = {
    "background": None,
    "font": _FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "domainColor": RULE,
        "gridColor": RULE,
        "gridOpacity": 0.6,
        "labelColor": MUTED,
        "labelFlush": False,
        "labelFontSize": 11,
        "labelLimit": 160,
        "tickColor": RULE,
        "tickSize": 3,
        "titleColor": MUTED,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
    "legend": {
        "columns": 4,
        "labelColor": INK,
        "labelFontSize": 11,
        "labelLimit": 200,
        "orient": "top",
        "symbolType": "square",
        "title": None,
        "titleColor": MUTED,
    },
    "header": {"labelColor": INK, "labelFontSize": 11, "titleColor": MUTED, "titleFontSize": 11},
    "title": {"color": INK, "fontSize": 12, "fontWeight": 600, "anchor": "start", "subtitleColor": MUTED},
    "text": {"color": INK, "fontSize": 11},
    "rule": {"color": MUTED},
    "bar": {"color": SERIES[0]},
    "line": {"color": SERIES[0], "strokeWidth": 1.75},
    "point": {"color": SERIES[0], "filled": True, "size": 30},
    "area": {"color": SERIES[0]},
    "rect": {"color": SERIES[0]},
}


def svg(spec: Mapping[str, Any], description: str) -> Markup:
    """A Vega-Lite spec (a plain dict with inline data) as an SVG element of the page.

    Args:
      spec: without `$schema` and `config`; `width` and `height` are WIDTH and HEIGHT where it does not say.
      description: what it shows, in a sentence, for those who do not see it.
    """
    import vl_convert

    whole = {"width": WIDTH, "height": HEIGHT, **spec, "config": _THEME}
    if {"hconcat", "vconcat", "concat", "facet"} & set(spec):
        whole = {key: value for key, value in whole.items() if key not in ("width", "height") or key in spec}
    text = vl_convert.vegalite_to_svg(whole, vl_version=VEGA_LITE, allowed_base_urls=[])
    return _placed(text, description)


def colours(series: Sequence[str]) -> dict[str, Any]:
    """The colour channel of a chart whose rows name their series in the field `series`."""
    others = iter(SERIES * (len(series) // len(SERIES) + 1))
    scale = {"domain": list(series), "range": [COLOURS.get(name) or next(others) for name in series]}
    return {"field": "series", "type": "nominal", "scale": scale, "sort": list(series)}


def lines(
    points: Sequence[Mapping[str, Any]], series: Sequence[str], x: str, y: str, **options: Any
) -> dict[str, Any]:
    """The spec of a line for each series.

    Args:
      points: {"x": number, "y": number, "series": str} each.
      series: the names of the series in the order of the legend.
      x: title of the axis.
      y: title of the axis.
      options: other keys of the spec: `width`, `height`, `title`.
    """
    return {
        "data": {"values": list(points)},
        "mark": {"type": "line", "interpolate": "linear"},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": x},
            "y": {"field": "y", "type": "quantitative", "title": y, "scale": {"zero": False}},
            "color": {**colours(series), "legend": {"symbolType": "stroke"}},
        },
        **options,
    }


def bars(values: Sequence[Mapping[str, Any]], title: str, **options: Any) -> dict[str, Any]:
    """The spec of horizontal bars, the first at the top.

    Args:
      values: {"name": str, "value": number} each, with "series" where bars are to be side by side.
      title: of the axis of values.
      options: other keys of the spec.
    """
    names = list(dict.fromkeys(str(row["name"]) for row in values))
    encoding: dict[str, Any] = {
        "y": {"field": "name", "type": "nominal", "title": None, "sort": names},
        "x": {"field": "value", "type": "quantitative", "title": title},
    }
    series = list(dict.fromkeys(str(row["series"]) for row in values if "series" in row))
    if series:
        encoding["color"] = colours(series)
        encoding["yOffset"] = {"field": "series", "sort": series}
    step = {"height": {"step": 16 if not series else 10}}
    return {"data": {"values": list(values)}, "mark": "bar", "encoding": encoding, **step, **options}


def histogram(
    bins: Sequence[Mapping[str, Any]], series: Sequence[str], title: str, **options: Any
) -> dict[str, Any]:
    """The spec of histograms laid over each other.

    Args:
      bins: {"low": number, "high": number, "share": share of the series' values, "series": str} each.
      series: the names of the series in the order of the legend.
      title: of the axis of values.
      options: other keys of the spec.
    """
    return {
        "data": {"values": list(bins)},
        "mark": {"type": "bar", "fillOpacity": 0.45, "binSpacing": 0},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "title": title, "bin": {"binned": True}},
            "x2": {"field": "high"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": None,
                "axis": {"format": "%"},
                "stack": None,
            },
            "color": colours(series),
        },
        **options,
    }


def _placed(text: str, description: str) -> Markup:
    """The SVG with a label, ids that no other chart of the page has, and no size of its own on narrow screens."""
    prefix = "c" + hashlib.sha256((text + json.dumps(description)).encode()).hexdigest()[:10]
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}-", text)
    label = escape(description)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
