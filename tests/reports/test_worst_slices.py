"""Slices that were made worse are found, and noise is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reports import worst_slices

ROWS = 1500


def features(seed: int) -> dict[str, list[Any]]:
    random = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"]
    return {
        "kind": [names[place] for place in random.integers(0, 4, ROWS)],
        "place": [names[place] for place in random.integers(0, 4, ROWS)],
        "size": [None if one < 0.05 else float(one) for one in random.random(ROWS)],
        "year": [int(one) for one in random.integers(2000, 2003, ROWS)],
        "constant": ["same"] * ROWS,
    }


def losses(seed: int) -> np.ndarray:
    """Skewed as log losses are."""
    return np.random.default_rng(seed + 1000).exponential(0.5, ROWS)


def test_a_value_and_a_range_that_are_worse_are_found_first() -> None:
    raw, loss = features(0), losses(0)
    kind = np.array([value == "b" for value in raw["kind"]])
    size = np.array([value is not None and value > 0.8 for value in raw["size"]])
    found = worst_slices.find(raw, loss + 1.0 * kind + 0.6 * size)
    assert found.parts[0].features in (("kind",), ("kind", "size"), ("size", "kind"))
    by_name = {part.name: part for part in found.parts}
    part = by_name["kind = b"]
    assert part.examples == kind.sum()
    assert part.lower < 1.0 < part.difference + 0.2
    assert any(name.startswith("size 0.8") for name in by_name)


def test_a_pair_is_told_where_neither_half_is_as_bad() -> None:
    raw, loss = features(1), losses(1)
    both = np.array(
        [kind == "a" and place == "c" for kind, place in zip(raw["kind"], raw["place"], strict=True)]
    )
    found = worst_slices.find(raw, loss + 2.0 * both)
    assert set(found.parts[0].features) == {"kind", "place"}
    assert set(found.parts[0].name.split(" and ")) == {"kind = a", "place = c"}
    assert found.parts[0].examples == both.sum()
    # A half alone is worse too, for it holds the pair; a pair with a third feature is no news.
    assert all(len(part.features) <= 2 for part in found.parts)


def test_noise_is_not_told() -> None:
    """Of 100 data sets without any difference no more than about 5 have a slice that is told."""
    told = sum(bool(worst_slices.find(features(seed), losses(seed)).parts) for seed in range(100))
    assert told <= 9


def test_missing_values_are_a_slice() -> None:
    raw, loss = features(2), losses(2)
    missing = np.array([value is None for value in raw["size"]])
    found = worst_slices.find(raw, loss + 3.0 * missing)
    assert found.parts[0].name == "size missing"


def test_examples_without_a_loss_do_not_count() -> None:
    raw, loss = features(3), losses(3)
    loss[:700] = np.nan
    kind = np.array([value == "b" for value in raw["kind"]])
    found = worst_slices.find(raw, loss + 2.0 * kind)
    assert found.parts[0].examples == kind[700:].sum()


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_too_few_examples_have_none(rows: int) -> None:
    raw = {"kind": ["a", "b", "a"][:rows] * 10 if rows else []}
    loss = np.ones(len(raw["kind"]))
    assert worst_slices.find(raw, loss).parts == []


def test_parts_of_numbers_are_quantiles_and_hold_each_value_once() -> None:
    values = [float(value) for value in np.random.default_rng(0).lognormal(size=500)]
    parts = worst_slices.parts_of("x", values)
    assert len(parts) == 5
    assert sum(rows.astype(int) for rows in parts.values()).tolist() == [1] * 500
    assert all(rows.sum() == 100 for rows in parts.values())


def test_texts_that_come_once_are_grouped_by_their_length() -> None:
    random = np.random.default_rng(4)
    texts = ["".join(random.choice([*"abc "], random.integers(5, 200))) for _ in range(600)]
    long = np.array([len(text) > 170 for text in texts])
    found = worst_slices.find({"text": texts}, random.exponential(0.5, 600) + 2.0 * long)
    assert found.parts[0].features == ("text",)
    assert found.parts[0].name.startswith("length of text 1")
    assert found.parts[0].name.endswith("to 199")
