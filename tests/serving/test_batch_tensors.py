from __future__ import annotations

import grpc
import numpy as np
import pytest

from serving.batch_tensors import allowed_size, kind, merge, row_count, split
from serving.errors import ServingError


def test_the_rows_of_a_request_are_its_inputs_0th_dimension() -> None:
    assert row_count({"a": np.zeros((3, 2)), "b": np.zeros(3)}) == 3


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        (
            {"a": np.zeros(2), "b": np.float32(1)},
            "Batching Run() input tensors must have at least one dimension",
        ),
        (
            {"a": np.zeros((3, 1)), "b": np.zeros((5, 7))},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_inputs_without_common_rows_are_refused(feeds: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ServingError) as refused:
        row_count(feeds)
    assert (refused.value.code, refused.value.message) == (grpc.StatusCode.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(("size", "padded"), [(0, 2), (1, 2), (2, 2), (3, 8), (8, 8), (9, 9)])
def test_the_next_allowed_size(size: int, padded: int) -> None:
    assert allowed_size(size, (2, 8)) == padded
    assert allowed_size(size, ()) == size


def test_rows_are_put_under_one_another_in_the_requests_order() -> None:
    requests = [{"x": np.array([[1.0], [2.0]]), "s": np.array([b"a", b"b"], object)}]
    requests.append({"s": np.array([b"c"], object), "x": np.array([[3.0]])})
    merged = merge(requests, 0)
    assert merged["x"].tolist() == [[1], [2], [3]]
    assert merged["s"].tolist() == [b"a", b"b", b"c"]


def test_a_batch_is_filled_with_the_first_row_of_the_last_request_that_has_one() -> None:
    requests = [{"x": np.array([1, 2])}, {"x": np.array([3, 4])}, {"x": np.zeros(0, int)}]
    assert merge(requests, 2)["x"].tolist() == [1, 2, 3, 4, 3, 3]


def test_shorter_tensors_are_padded_at_the_end_with_their_first_value() -> None:
    first, second = np.array([[[1, 2], [3, 4], [5, 6]]]), np.array([[[7, 8, 9]], [[10, 11, 12]]])
    merged = merge([{"x": first}, {"x": second}], 0)["x"]
    assert merged.tolist() == [
        [[1, 2, 1], [3, 4, 1], [5, 6, 1]],
        [[7, 8, 9], [7, 7, 7], [7, 7, 7]],
        [[10, 11, 12], [7, 7, 7], [7, 7, 7]],
    ]


def test_strings_are_padded_too() -> None:
    short, long = np.array([[b"a"]], object), np.array([[b"b", b"c"]], object)
    assert merge([{"x": short}, {"x": long}], 1)["x"].tolist() == [[b"a", b"a"], [b"b", b"c"], [b"b", b"c"]]


def test_without_padding_requests_of_other_shapes_and_types_are_of_another_kind() -> None:
    floats = {"x": np.zeros((2, 3), np.float32)}
    assert kind(floats, False) == kind({"x": np.zeros((5, 3), np.float32)}, False)
    assert kind(floats, False) != kind({"x": np.zeros((2, 4), np.float32)}, False)
    assert kind(floats, False) != kind({"x": np.zeros((2, 3), np.float64)}, False)


def test_with_padding_only_the_number_of_dimensions_and_the_type_count() -> None:
    floats = {"x": np.zeros((2, 3), np.float32)}
    assert kind(floats, True) == kind({"x": np.zeros((2, 4), np.float32)}, True)
    assert kind(floats, True) != kind({"x": np.zeros((2, 4, 1), np.float32)}, True)
    assert kind(floats, True) != kind({"x": np.zeros((2, 3), np.int32)}, True)
    assert kind(floats, True) != kind({"x": np.zeros((2, 0), np.float32)}, True)


def test_tensors_that_tensorflow_cannot_pad() -> None:
    with pytest.raises(ServingError, match=r"^Only tensors with rank from 1 to 6 can be padded\.$"):
        kind({"x": np.zeros((1,) * 7)}, True)


def test_each_request_gets_its_rows_back() -> None:
    answers = split([np.arange(6), np.arange(12).reshape(6, 2)], [1, 3], padding=2)
    assert [[tensor.tolist() for tensor in answer] for answer in answers] == [
        [[0], [[0, 1]]],
        [[1, 2, 3], [[2, 3], [4, 5], [6, 7]]],
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.float32(1), "Batched output tensor has 0 dimensions"),
        (
            np.zeros(3),
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ),
    ],
)
def test_answers_that_are_not_one_per_row(answer: np.ndarray, message: str) -> None:
    with pytest.raises(ServingError) as refused:
        split([np.asarray(answer)], [2], padding=0)
    assert (refused.value.code, refused.value.message) == (grpc.StatusCode.FAILED_PRECONDITION, message)
