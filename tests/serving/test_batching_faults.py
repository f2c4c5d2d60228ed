"""A fault in a batch harms the request that it is of, and no other."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import numpy as np
import pytest

from tests.serving.batched import MINUTE, Model, negative, refusal, run, serving, values


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.sum, "Batched output tensor has 0 dimensions"),
        (
            lambda x: x[:1],
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ),
    ],
)
def test_answers_that_are_not_one_per_row(answer: Callable, message: str) -> None:
    async def test() -> None:
        async with serving(Model(lambda x: np.asarray(answer(x)))) as server:
            assert await refusal(server.ask(1, 2)) == (grpc.StatusCode.FAILED_PRECONDITION, message)

    run(test())


@pytest.mark.parametrize("code", [grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.INVALID_ARGUMENT])
def test_a_request_at_fault_fails_alone(code: grpc.StatusCode) -> None:
    async def test() -> None:
        async with serving(Model(negative(code)), max_batch_size=3, batch_timeout_micros=MINUTE) as server:
            requests = [server.ask(value) for value in (1, 2, 7, -3, 4, -5)]
            assert await values(*requests[:3], requests[4]) == [[1], [2], [7], [4]]
            assert await refusal(requests[3]) == (code, "negative: -3")
            assert await refusal(requests[5]) == (code, "negative: -5")
            assert server.metric("wrapped_run_count") == 2 + 3

    run(test())


def test_an_error_that_is_no_requests_fault_reaches_its_batch_and_no_other() -> None:
    async def test() -> None:
        model = Model(negative(grpc.StatusCode.INTERNAL))
        async with serving(model, max_batch_size=2, batch_timeout_micros=MINUTE) as server:
            requests = [server.ask(value) for value in (1, 2, -3, 4, 5, 6)]
            assert await values(*requests[:2], *requests[4:]) == [[1], [2], [5], [6]]
            first, second = requests[2:4]
            message = (grpc.StatusCode.INTERNAL, "negative: -3")
            assert await refusal(first) == await refusal(second) == message
            assert first.exception() is not second.exception()
            assert server.metric("wrapped_run_count") == 3

    run(test())


def test_a_fault_in_a_batch_does_not_end_its_thread() -> None:
    async def test() -> None:
        async with serving(Model(lambda x: x if x[0] else 1 / 0)) as server:  # type: ignore[arg-type, return-value]
            assert await refusal(server.ask(0)) == (grpc.StatusCode.INTERNAL, "division by zero")
            assert await values(server.ask(1)) == [[1]]

    run(test())
