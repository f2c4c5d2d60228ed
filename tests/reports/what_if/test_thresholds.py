"""Matrices, costs and constraints against counting and against trying every pair of thresholds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reports.what_if.thresholds import Group, Matrix, candidates, choose, confusion

RATES = {
    "parity": lambda m: m.positive_rate,
    "opportunity": lambda m: m.recall,
    "accuracy": lambda m: m.accuracy,
}


def group(seed: int, count: int, shift: float = 0.0) -> Group:
    random = np.random.default_rng(seed)
    positive = random.random(count) < 0.4
    scores = np.clip(random.normal(0.35 + 0.3 * positive + shift, 0.18), 0.001, 0.999)
    return Group(np.round(scores, 2), positive)


def together(groups: dict[str, Group]) -> Group:
    parts = ("scores", "positive")
    return Group(*(np.concatenate([getattr(g, part) for g in groups.values()]) for part in parts))


def test_a_matrix_counts_scores_above_the_threshold_as_positive() -> None:
    few = Group(np.array([0.1, 0.5, 0.5, 0.7, 0.9]), np.array([False, True, False, False, True]))
    matrix = confusion(few, 0.5)
    assert matrix == Matrix(1, 1, 1, 2)
    assert (matrix.recall, matrix.precision, matrix.accuracy) == (0.5, 0.5, 0.6)
    assert matrix.false_positive_rate == pytest.approx(1 / 3)
    assert matrix.positive_rate == 0.4
    assert matrix.cost(2, 5) == 7
    nothing = confusion(Group(np.array([0.2]), np.array([False])), 0.5)
    assert (nothing.recall, nothing.precision) == (None, None)


def test_candidates_decide_in_every_way_that_there_is() -> None:
    scores = np.array([0.3, 0.0, 0.3, 0.8])
    found = {int((scores > threshold).sum()) for threshold in candidates(scores)}
    assert found == {4, 3, 1, 0}
    assert candidates(np.array([0.4]))[0] == 0


def test_one_threshold_for_all_is_the_cheapest_one() -> None:
    groups = {"a": group(1, 40), "b": group(2, 60)}
    both = together(groups)
    for costs in ((1, 1), (1, 4), (3, 1)):
        choice = choose(groups, "equal", *costs)
        assert choice.cost == min(confusion(both, t).cost(*costs) for t in candidates(both.scores))
        assert len(set(choice.thresholds.values())) == 1


def test_each_slice_its_own_is_the_cheapest_of_each() -> None:
    groups = {"a": group(1, 40), "b": group(2, 60, 0.1)}
    choice = choose(groups, "own", 1, 2)
    assert choice.cost == sum(
        min(confusion(g, t).cost(1, 2) for t in candidates(g.scores)) for g in groups.values()
    )


@pytest.mark.parametrize("constraint", ["parity", "opportunity", "accuracy"])
@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("costs", [(1.0, 1.0), (1.0, 5.0)])
def test_a_constraint_is_met_by_the_cheapest_thresholds_of_all(
    constraint: str, tolerance: float, costs: tuple[float, float]
) -> None:
    groups = {"a": group(5, 25), "b": group(6, 30, 0.15), "c": group(7, 20, -0.1)}
    rate = RATES[constraint]
    ways = [
        [(rate(m), m.cost(*costs)) for m in (confusion(g, t) for t in candidates(g.scores))]
        for g in groups.values()
    ]
    choice = choose(groups, constraint, *costs, tolerance=tolerance, fewest=1)
    reached = [rate(confusion(g, choice.thresholds[name])) for name, g in groups.items()]
    assert choice.gap == pytest.approx(max(reached) - min(reached))
    every = [
        (max(r for r, _ in pick) - min(r for r, _ in pick), sum(cost for _, cost in pick))
        for pick in itertools.product(*ways)
    ]
    allowed = [cost for gap, cost in every if gap <= tolerance + 1e-12]
    assert choice.met == bool(allowed)
    if allowed:
        assert choice.gap <= tolerance + 1e-12
        assert choice.cost == pytest.approx(min(allowed))
    else:
        smallest = min(gap for gap, _ in every)
        assert smallest - 1e-12 <= choice.gap <= max(2 * smallest, 1e-4) + 1e-12


def test_a_slice_too_small_for_a_rate_does_not_decide_for_all() -> None:
    one = Group(np.array([0.1]), np.array([True]))
    groups = {"large": group(8, 200), "other": group(9, 150, 0.1), "one": one}
    choice = choose(groups, "opportunity")
    assert choice.left_out == ("one",)
    rates = [confusion(groups[name], choice.thresholds[name]).recall for name in ("large", "other")]
    assert abs(rates[0] - rates[1]) <= 0.01
    assert 0 < rates[0] < 1
    assert choice.thresholds["one"] < 0.1
    assert choose({"one": one}, "opportunity").gap is None


def test_many_scores_are_judged_at_once() -> None:
    noise = np.random.default_rng(1).uniform(0, 0.001, 10_000)
    groups = {name: group(seed, 10_000) for name, seed in (("a", 1), ("b", 2))}
    spread = {name: Group(g.scores + noise, g.positive) for name, g in groups.items()}
    choice = choose(spread, "opportunity", 1, 3)
    assert choice.met
    assert choice.gap <= 0.01
