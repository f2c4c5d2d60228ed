"""Large arrays are read in pieces and give the same as a whole, faults included."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from serving import json_document, json_pieces, json_tensors
from serving.errors import ServingError
from serving.json_document import parse_object
from serving.json_pieces import Numbers
from serving.json_tensors import arrays_of_body, request_arrays

FLOAT, INT64, STRING = types_pb2.DT_FLOAT, types_pb2.DT_INT64, types_pb2.DT_STRING

Answer = dict[str, np.ndarray] | str


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "PIECE", 64)
    for module in (json_pieces, json_document, json_tensors):
        monkeypatch.setattr(module, "SMALLEST", 128)


def in_pieces(body: bytes, **dtypes: int) -> tuple[Answer, int]:
    """The arrays, or the refusal, and how many arrays were left in the text."""
    try:
        document = parse_object(body, in_pieces=True)
    except ServingError as error:
        return error.message, 0
    left = len(re.findall("Numbers", repr(document)))
    try:
        return arrays_of_body(body, document, dtypes), left
    except ServingError as error:
        return error.message, left


def whole(body: bytes, **dtypes: int) -> Answer:
    try:
        return request_arrays(parse_object(body), dtypes)
    except ServingError as error:
        return error.message


def check(body: bytes, left: int, **dtypes: int) -> Answer:
    found, taken_out = in_pieces(body, **dtypes)
    expected = whole(body, **dtypes)
    assert taken_out == left
    if isinstance(expected, str):
        assert found == expected
        return found
    assert not isinstance(found, str)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    return found


@pytest.mark.parametrize(
    "shape", [(500,), (100, 3), (3, 100), (1, 300), (1, 1, 20, 20), (2, 3, 40, 2), (40, 1, 1, 1), (1, 300, 1)]
)
@pytest.mark.parametrize("indent", [None, 1])
def test_any_shape(shape: tuple[int, ...], indent: int | None) -> None:
    values = (np.arange(np.prod(shape)) % 89).reshape(shape)
    for numbers, dtype in ((values.tolist(), INT64), ((values / 8).tolist(), FLOAT)):
        rows = check(json.dumps({"instances": numbers}, indent=indent).encode(), 1, x=dtype)
        assert not isinstance(rows, str)
        assert rows["x"].shape == shape
        check(json.dumps({"inputs": numbers, "signature_name": "s"}, indent=indent).encode(), 1, x=dtype)


def test_rows_and_columns_with_names() -> None:
    big = list(range(200))
    check(json.dumps({"inputs": {"x": big, "s": ["a"], "y": big}}).encode(), 2, x=INT64, s=STRING, y=FLOAT)
    rows = [{"x": big, "s": "a"}, {"s": "b", "x": big}]
    found = check(json.dumps({"instances": rows}).encode(), 2, x=INT64, s=STRING)
    assert not isinstance(found, str)
    assert found["x"].shape == (2, 200)


LIST = json.dumps(list(range(200))).encode()
NESTED = json.dumps([[row, 1, 2] for row in range(60)]).encode()


@pytest.mark.parametrize(
    "array",
    [
        LIST[:-1] + b",]",
        LIST[:-1] + b"  ,  ]",
        LIST.replace(b", 150,", b", 150,,"),
        LIST.replace(b", 150,", b", 150"),
        LIST.replace(b", 150,", b", [150],"),
        LIST.replace(b", 150,", b", true,"),
        LIST.replace(b", 150,", b", 1.5,"),
        LIST.replace(b", 150,", b", {},"),
        LIST.replace(b", 150,", b", NaN,"),
        LIST.replace(b", 150,", b", -Inf,"),
        LIST.replace(b", 150,", b", Y_,"),
        LIST[:-1],
        LIST[:-1] + b"]]",
        NESTED.replace(b"], [30,", b"], [30, 7,"),
        NESTED.replace(b"], [30,", b"] [30,"),
        NESTED.replace(b"], [30,", b"],, [30,"),
        NESTED.replace(b"], [30,", b"], 5, [30,"),
        NESTED[:-1] + b", 5]",
        NESTED[:-1] + b",]",
        b"[5, " + NESTED[1:],
        b"[, " + NESTED[1:],
        b"[" + LIST + b", " + LIST[:-1] + b", 1]]",
        b"[" + LIST + LIST + b"]",
        b"[5 " + LIST + b"]",
        b"[" * 70 + LIST + b"]" * 70,
        b"[[" + b", ".join([b"[" * 62 + b"1" + b"]" * 62] * 20) + b"]]",
        b"[[" + b", ".join([b"[" * 63 + b"1" + b"]" * 63] * 20) + b"]]",
    ],
)
def test_faults_are_told_as_for_a_whole_document(array: bytes) -> None:
    body = b'{"instances": ' + array + b"}"
    for dtype in (INT64, FLOAT):
        found, _ = in_pieces(body, x=dtype)
        expected = whole(body, x=dtype)
        if isinstance(expected, str):
            assert found == expected
        else:
            assert not isinstance(found, str)
            np.testing.assert_array_equal(found["x"], expected["x"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": ["\\u0061", ' + LIST + b"]}",
        b'{"instances": ["a", ' + LIST + b"]}",
        b'{"instances": ["' + LIST + b'"]}',
        b'{"instances": [' + b", ".join(b'"%d"' % number for number in range(200)) + b"]}",
        b'{"unknown": {"a": {"b": {"c": ' + LIST + b'}}}, "instances": [1]}',
    ],
)
def test_other_documents_are_parsed_at_once(body: bytes) -> None:
    check(body, 0, x=STRING)
    check(body, 0, x=INT64)


def test_an_array_in_the_wrong_place_is_refused_as_ever() -> None:
    check(b'{"signature_name": ' + LIST + b', "instances": [1]}', 1, x=INT64)
    assert check(b'{"instances": ' + LIST + b', "inputs": 1}', 1, x=INT64) is not None
    check(b'{"instances": ' + LIST + b"}", 1, x=INT64, y=INT64)
    check(b'{"instances": [{"x": ' + LIST + b'}, {"x": 5}]}', 1, x=INT64)
    check(b'{"instances": [{"x": 5}, {"x": ' + LIST + b"}]}", 1, x=INT64)
    check(b'{"inputs": {"x": [' + LIST + b', "a"]}}', 0, x=INT64)


def test_pieces_are_small_and_large_elements_come_by_themselves() -> None:
    text = json.dumps([list(range(100)), [1, 2], [3], list(range(100))]).encode()
    pieces: list[Any] = list(Numbers(text, 0, len(text)).pieces())
    assert [type(piece) for piece in pieces] == [Numbers, list, Numbers]
    assert pieces[1] == [[1, 2], [3]]
    flat = json.dumps(list(range(1000))).encode()
    assert max(len(piece) for piece in Numbers(flat, 0, len(flat)).pieces()) < 64


@pytest.mark.parametrize("body", [LIST, b" " * 200, b"[" * 200, b"{" + b" " * 200 + b"}"])
def test_a_document_without_a_single_name(body: bytes) -> None:
    assert isinstance(check(body, 0, x=FLOAT), str)
