from __future__ import annotations

import os
from typing import Any

import grpc
import pytest
from google.protobuf import text_format

from serving.batching_parameters import BatchingOptions, from_message
from serving.errors import ServingError
from serving.text_protos import BatchingParameters


def parsed(text: str) -> BatchingOptions:
    return from_message(text_format.Parse(text, BatchingParameters()))


def test_an_empty_file_means_tf_serving_s_defaults() -> None:
    options = parsed("")
    assert options == BatchingOptions(
        max_batch_size=1000,
        batch_timeout_micros=0,
        max_enqueued_batches=10,
        num_batch_threads=os.cpu_count() or 1,
        thread_pool_name="batch_threads",
        allowed_batch_sizes=(),
        pad_variable_length_inputs=False,
        enable_large_batch_splitting=False,
        max_execution_batch_size=None,
    )
    assert options.execution_limit == 1000


def test_every_field_is_read() -> None:
    options = parsed("""
        max_batch_size { value: 16 }
        batch_timeout_micros { value: 1000 }
        max_enqueued_batches { value: 5 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 4
        allowed_batch_sizes: 16
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 8 }
    """)
    assert options == BatchingOptions(16, 1000, 5, 3, "pool", (4, 16), True, True, 8)
    assert options.execution_limit == 8


def test_a_timeout_of_zero_is_not_left_out() -> None:
    assert parsed("batch_timeout_micros { value: 0 } max_batch_size { value: 2 }").batch_timeout_micros == 0


def test_max_execution_batch_size_counts_only_with_splitting() -> None:
    assert parsed("max_execution_batch_size { value: 8 }").execution_limit == 1000


def test_no_waiting_batch_means_one_without_splitting() -> None:
    assert BatchingOptions(max_enqueued_batches=0).enqueued_limit == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_batch_size": 8, "allowed_batch_sizes": (2, 4)},
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            {"allowed_batch_sizes": (2, 4)},
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 1000",
        ),
        (
            {"max_batch_size": 4, "allowed_batch_sizes": (2, 2, 4)},
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ({"num_batch_threads": 0}, "num_batch_threads must be positive; was 0"),
        ({"max_batch_size": 0}, "input_batch_size_limit must be positive; was 0"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros must be non-negative; was -1"),
        ({"max_enqueued_batches": -1}, "max_enqueued_batches must be positive; was -1"),
        (
            {"max_enqueued_batches": 0, "enable_large_batch_splitting": True},
            "max_enqueued_batches must be positive; was 0",
        ),
        (
            {"max_batch_size": 4, "max_execution_batch_size": 8, "enable_large_batch_splitting": True},
            "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to "
            "max_execution_batch_size; 4 vs. 8",
        ),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ServingError) as refused:
        BatchingOptions(**given)
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.message == message
