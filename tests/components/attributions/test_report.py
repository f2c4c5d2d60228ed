"""Drift of attributions, and what the gate says of it."""

from __future__ import annotations

from typing import Any

from components.attributions import report


def figures(shares: dict[str, float], method: str = "permutation", **more: Any) -> dict[str, Any]:
    rows = [
        {"slice": name, "output": "", "feature": feature, "share": share}
        for name in ("overall", "a=1")
        for feature, share in shares.items()
    ]
    return {"permutation": {"rows": []}, "gradients": None, method: {"rows": rows}, "max_drift": None, **more}


def drifted(now: dict[str, Any], before: dict[str, Any], most: float | None) -> dict[str, Any]:
    return {**now, "drift": report.drift(now, before), "max_drift": most}


def test_the_largest_change_is_told_first() -> None:
    now, before = figures({"a": 0.7, "b": 0.3}), figures({"a": 0.5, "b": 0.2, "c": 0.3})
    found = report.drift(now, before)
    assert found is not None
    assert found["method"] == "permutation"
    assert [(row["feature"], round(row["change"], 6)) for row in found["rows"]] == [
        ("c", -0.3),
        ("a", 0.2),
        ("b", 0.1),
    ]


def test_gradients_go_first_where_both_have_them() -> None:
    now, before = (figures({"a": share}, "gradients") for share in (0.5, 0.25))
    now["permutation"] = before["permutation"] = figures({"a": 1.0})["permutation"]
    found = report.drift(now, before)
    assert (found or {})["method"] == "gradients"
    assert (report.drift(figures({"a": 1.0}), before) or {})["method"] == "permutation"


def test_nothing_to_compare_with_holds() -> None:
    now = figures({"a": 1.0})
    assert report.drift(now, None) is None
    assert report.drift(now, figures({"a": None})) is None  # type: ignore[dict-item]
    assert report.gate_failure({**now, "drift": None, "max_drift": 0.1}) is None


def test_the_gate_names_the_feature_and_both_shares() -> None:
    now, before = figures({"fare": 0.75, "miles": 0.25}), figures({"fare": 0.5, "miles": 0.5})
    assert report.gate_failure(drifted(now, before, None)) is None
    assert report.gate_failure(drifted(now, before, 0.25)) is None
    assert report.gate_failure(drifted(now, before, 0.2)) == (
        "fare has 75.0% of the attributions by permutation, the last blessed model 50.0% (attributions.drift: 0.2)"
        " (and 1 more)"
    )


def test_the_summary_names_the_features_of_most_importance() -> None:
    assert (
        report.summary(figures({"a": 0.05, "b": 0.6, "c": 0.3, "d": 0.05}))
        == "by permutation b 60%, c 30%, a 5%"
    )
    assert report.summary(figures({})) == "none"
