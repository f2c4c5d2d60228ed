"""What --batching_parameters_file says, with TF Serving's defaults and its refusals."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from serving.errors import invalid_argument


@dataclass(frozen=True)
class BatchingOptions:
    """TF Serving's BatchingParameters. Sizes count rows, that is the inputs' 0th dimension.

    Raises ServingError (INVALID_ARGUMENT, TF Serving's words) where the values contradict each other.
    """

    max_batch_size: int = 1000
    """The largest request and, unless max_execution_batch_size says less, the largest batch."""
    batch_timeout_micros: int = 0
    """How long a batch waits for more rows, counted from its first request."""
    max_enqueued_batches: int = 10
    """Batches that may wait per queue; a request that would need one more is refused."""
    num_batch_threads: int = os.cpu_count() or 1
    """Batches that run at once, those of all models together."""
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    """Batches are filled up to the next of these sizes. Empty: any size."""
    pad_variable_length_inputs: bool = False
    """Requests that differ in other dimensions than the 0th are padded to the longest of their batch."""
    enable_large_batch_splitting: bool = False
    """A request may be spread over several batches."""
    max_execution_batch_size: int | None = None
    """The largest batch where requests are split; None: max_batch_size."""

    def __post_init__(self) -> None:
        if self.allowed_batch_sizes and self.allowed_batch_sizes[-1] != self.max_batch_size:
            raise invalid_argument(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{self.allowed_batch_sizes[-1]}; expected {self.max_batch_size}"
            )
        if any(a >= b for a, b in pairwise(self.allowed_batch_sizes)):
            raise invalid_argument("allowed_batch_sizes entries must be monotonically increasing")
        if self.num_batch_threads < 1:
            raise invalid_argument(f"num_batch_threads must be positive; was {self.num_batch_threads}")
        if self.max_batch_size < 1:
            raise invalid_argument(f"input_batch_size_limit must be positive; was {self.max_batch_size}")
        if self.batch_timeout_micros < 0:
            raise invalid_argument(
                f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}"
            )
        if self.max_enqueued_batches < (1 if self.enable_large_batch_splitting else 0):
            raise invalid_argument(f"max_enqueued_batches must be positive; was {self.max_enqueued_batches}")
        if not 0 < self.execution_limit <= self.max_batch_size:
            raise invalid_argument(
                "When enable_large_batch_splitting is true, input_batch_size_limit must be "
                f"greater than or equal to max_execution_batch_size; {self.max_batch_size} vs. {self.execution_limit}"
            )

    @property
    def execution_limit(self) -> int:
        """Rows of the largest batch that runs."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def enqueued_limit(self) -> int:
        """Batches that may wait; without splitting, TF Serving takes 0 for 1."""
        return max(1, self.max_enqueued_batches)


def from_message(message: Any) -> BatchingOptions:
    """The options of a BatchingParameters message; what it leaves out has its default. Raises ServingError."""
    given: dict[str, Any] = {}
    for field in fields(BatchingOptions):
        if field.name == "allowed_batch_sizes":
            given[field.name] = tuple(message.allowed_batch_sizes)
        elif field.name == "pad_variable_length_inputs":
            given[field.name] = message.pad_variable_length_inputs
        elif message.HasField(field.name):
            given[field.name] = getattr(message, field.name).value
    return BatchingOptions(**given)
