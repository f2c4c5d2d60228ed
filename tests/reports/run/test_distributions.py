from __future__ import annotations

import numpy as np
import pytest

from reports.run import feature_statistics
from reports.run.distributions import Series, histogram, picture, rebinned, top_values
from reports.run.feature_statistics import Feature
from tests.reports.run.artifacts import statistics


def series(label: str, values: list[object]) -> Series:
    (feature,) = statistics({"x": values}).datasets[0].features
    return Series(label, 0, feature_statistics._feature(feature, len(values)))


def test_buckets_are_spread_evenly_over_the_bins() -> None:
    shares = rebinned([(0, 2, 3), (2, 4, 1)], np.array([0.0, 1, 2, 3, 4]))
    assert shares.tolist() == [0.375, 0.375, 0.125, 0.125]


def test_a_bucket_of_one_value_falls_into_its_bin() -> None:
    shares = rebinned([(1, 1, 1), (4, 4, 3)], np.array([0.0, 1, 2, 3, 4]))
    assert shares.tolist() == [0, 0.25, 0, 0.75]


def test_two_splits_share_their_edges() -> None:
    found = histogram([series("train", [0.0, 10.0]), series("eval", [5.0, 20.0])])
    assert found is not None
    assert (found.edges[0], found.edges[-1], len(found.edges)) == (0, 20, 21)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    assert found.shares[0, 10:].sum() == 0
    assert found.shares[1, :5].sum() == 0
    assert found.beyond == 0


def test_a_few_large_values_do_not_squeeze_the_others() -> None:
    values = [float(i) for i in range(999)] + [1e6]
    found = histogram([series("train", values), series("eval", values[:-1])])
    assert found is not None
    assert found.edges[0] == pytest.approx(99.9, abs=1)
    assert found.edges[-1] == pytest.approx(899.1, abs=1)
    assert found.beyond == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(found.shares, 0.04, atol=0.002)


def test_a_constant_is_one_bar() -> None:
    found = histogram([series("train", [3.0, 3.0])])
    assert found is not None
    assert found.shares.tolist() == [[1.0]]


def test_a_picture_has_a_description_and_no_bar_without_values() -> None:
    both = [series("train", [0.0, 1.0]), series("eval", [0.0, 1.0])]
    found = histogram(both)
    assert found is not None
    drawn = picture(found, both, '<b> "x"')
    assert 'aria-label="&lt;b&gt; &#34;x&#34;"' in drawn
    assert drawn.count("<path") == 2
    bars = drawn.partition(' d="')[2].partition('"')[0]
    assert bars.count("M") == 4  # of 20 bins those of the outer tenths


def test_shares_of_texts_are_of_each_split() -> None:
    train = series("train", ["a"] * 6 + ["b"] * 4)
    held_out = series("eval", ["a"] * 1 + ["c"] * 3 + [None])
    values, others = top_values([train, held_out], 2)
    assert [(value.name, value.shares) for value in values] == [("c", [0, 0.75]), ("a", [0.6, 0.25])]
    assert others == 1


def test_a_value_beyond_a_cut_list_is_not_taken_for_absent() -> None:
    cut = Series("train", 0, Feature("x", "text", 10, 0, 10, unique=50, top=[("a", 2.0)]))
    full = Series("eval", 2, Feature("x", "text", 4, 0, 4, unique=1, top=[("b", 4.0)]))
    values, others = top_values([cut, full], 5)
    assert [(value.name, value.shares) for value in values] == [("b", [None, 1.0]), ("a", [0.2, 0])]
    assert others == 48
