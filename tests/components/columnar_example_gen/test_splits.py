"""The split of a record, by stock's own rule."""

from __future__ import annotations

import numpy as np

from components.columnar_example_gen import splits

RECORDS = [f"record {i}".encode() for i in range(2000)]


def test_split_is_that_of_stock() -> None:
    from tfx.components.example_gen import base_example_gen_executor as base
    from tfx.proto import example_gen_pb2

    for buckets in ([2, 1], [7, 1, 2], [1], [999, 123456, 31]):
        bounds = np.cumsum(buckets).tolist()
        config = example_gen_pb2.SplitConfig()
        stock = [base._PartitionFn(record, len(buckets), bounds, config) for record in RECORDS]
        assert splits.assign(splits.digests(RECORDS), buckets).tolist() == stock


def test_order_does_not_depend_on_the_order_of_the_rows() -> None:
    keys = splits.order_keys(splits.digests(RECORDS))
    assert len(set(keys.tolist())) == len(RECORDS)
    assert splits.order_keys(splits.digests(RECORDS[::-1])).tolist() == keys[::-1].tolist()


def test_rows_that_lie_together_do_not_stay_together() -> None:
    order = np.argsort(splits.order_keys(splits.digests(RECORDS)))
    first_half = order < 1000
    assert 430 < first_half[:1000].sum() < 570
