"""What RapidJSON takes and refuses, with its words and offsets."""

from __future__ import annotations

import math
import time

import grpc
import pytest

from serving.errors import ServingError
from serving.json_document import EXPLAINED_BYTES, parse_object
from serving.json_syntax import DEEPEST, find_fault
from serving.json_text import LONGEST_VALUE, decimal_text, value_text


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as error:
        parse_object(body)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    return error.value.message


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b" \n", "The document is empty. at offset: 2"),
        (b"instances = [1, 2]", "Invalid value. at offset: 0"),
        (b'{"a": tru}', "Invalid value. at offset: 9"),
        (b'{"a": Nan}', "Invalid value. at offset: 8"),
        (b'{"a": Infini}', "Invalid value. at offset: 12"),
        (b'{"a": -}', "Invalid value. at offset: 7"),
        (b'{"a": .5}', "Invalid value. at offset: 6"),
        (b'{"a": +5}', "Invalid value. at offset: 6"),
        (b'{"a": [1,]}', "Invalid value. at offset: 9"),
        (b'{"a": 1,}', "Missing a name for object member. at offset: 8"),
        (b"{a: 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1 "b": 2}', "Missing a comma or '}' after an object member. at offset: 8"),
        (b'{"a": 01}', "Missing a comma or '}' after an object member. at offset: 7"),
        (b'{"a": 1', "Missing a comma or '}' after an object member. at offset: 7"),
        (b'{"a": [1 2]}', "Missing a comma or ']' after an array element. at offset: 9"),
        (b'{"a": [[1], [2', "Missing a comma or ']' after an array element. at offset: 14"),
        (b"{} {}", "The document root must not be followed by other values. at offset: 3"),
        (b'{"a": "x', "Missing a closing quotation mark in string. at offset: 8"),
        (b'{"a": "\\q"}', "Invalid escape character in string. at offset: 7"),
        (b'{"a": "\\u12g4"}', "Incorrect hex digit after \\u escape in string. at offset: 7"),
        (b'{"a": "\\ud800x"}', "The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": "\\ud800\\u0041"}', "The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": "\\udc00", "b": NaN}', "The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": "\n"}', "Invalid encoding in string. at offset: 7"),
        (b'{"a": 1.}', "Miss fraction part in number. at offset: 8"),
        (b'{"a": 1e+}', "Miss exponent in number. at offset: 9"),
        (b'{"a": -1e309}', "Number too big to be stored in double. at offset: 6"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "Number too big to be stored in double. at offset: 6"),
        (b'{"a": 1e400, "b": NaN}', "Number too big to be stored in double. at offset: 6"),
    ],
)
def test_a_fault_is_named_with_its_place(body: bytes, fault: str) -> None:
    assert refusal(body) == f"JSON Parse error: {fault}"


def test_an_empty_body_has_no_place() -> None:
    assert refusal(b"") == "JSON Parse error: The document is empty"


def test_a_document_is_an_object() -> None:
    assert refusal(b"[1]") == "JSON Value: [\n    1\n] Is not object"
    assert refusal(b"NaN") == "JSON Value: NaN Is not object"
    assert refusal(b'"x"') == 'JSON Value: "x" Is not object'


def test_odd_numbers_are_numbers_but_not_in_strings() -> None:
    found = parse_object(b'{"a": [NaN, -NaN, Inf, -Inf, Infinity, -Infinity, 1], "b": "Inf -NaN \\"Inf"}')
    assert [math.isnan(value) for value in found["a"][:2]] == [True, True]
    assert found["a"][2:] == [math.inf, -math.inf, math.inf, -math.inf, 1]
    assert type(found["a"][6]) is int
    assert found["b"] == 'Inf -NaN "Inf'


def test_whole_numbers_beyond_64_bits_are_floats_with_and_without_odd_ones() -> None:
    text = b'"a": 18446744073709551615, "b": 18446744073709551616, "c": -9223372036854775809'
    for body in (b"{" + text + b"}", b"{" + text + b', "d": NaN}'):
        found = parse_object(body)
        assert (found["a"], type(found["a"])) == (2**64 - 1, int)
        assert (found["b"], type(found["b"])) == (2.0**64, float)
        assert (found["c"], type(found["c"])) == (-(2.0**63), float)


def test_bytes_that_are_not_utf_8_are_kept_as_surrogates() -> None:
    assert parse_object(b'{"a": "\xff\xc3\xa4"}') == {"a": "\udcff\xe4"}
    assert parse_object(b'{"a": "\xff \\ud83d\\ude00"}') == {"a": "\udcff \U0001f600"}


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_first_of_two_members_counts() -> None:
    assert parse_object(b'{"instances": [1], "instances": [2]}') == {"instances": [1]}
    assert parse_object(b'{"signature_name": "a", "signature_name": "b"}') == {"signature_name": "a"}


def test_nesting_is_limited_and_never_exhausts_the_stack() -> None:
    deepest = b'{"a": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}"
    assert type(parse_object(deepest)["a"]) is list
    levels = f"More than {DEEPEST} levels of nesting. at offset: "
    assert refusal(b"[" * 100_000) == f"JSON Parse error: {levels}{DEEPEST}"
    assert refusal(b'{"a":' * 5000) == f"JSON Parse error: {levels}{DEEPEST * 5}"
    assert "at offset: " in refusal(deepest[:-1] + b', "b": NaN}'), "Python's own parser gives up earlier"
    assert refusal(b"[" * 1000 + b"]" * 1000).endswith("... Is not object")


def test_a_large_faulty_document_is_refused_without_being_read_twice() -> None:
    body = b'{"a": [' + b"1," * EXPLAINED_BYTES + b"]}"
    assert refusal(body).startswith("JSON Parse error: Invalid value. at offset: ")
    assert find_fault(b'{"a": [NaN, {"b": [[], {}]}]}') is None


def test_values_are_printed_as_rapidjson_does() -> None:
    assert value_text({"a": [1, "ä", None, True], "b": {}}) == (
        '{\n    "a": [\n        1,\n        "ä",\n        null,\n        true\n    ],\n    "b": {}\n}'
    )
    assert value_text("\udcff") == '"?"'
    assert value_text({"x": 1.5, "y": [[], [None]]}) == (
        '{\n    "x": 1.5,\n    "y": [\n        [],\n        [\n            null\n        ]\n    ]\n}'
    )
    began = time.process_time()
    assert len(value_text({"x" * 10**8: ["y" * 10**8]})) == LONGEST_VALUE + 3
    assert time.process_time() - began < 1
    long = value_text(["x" * 50] * 10**6)
    assert len(long) == LONGEST_VALUE + 3
    assert long.endswith("...")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3.0"),
        (0.2, "0.2"),
        (9e6, "9e+06"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (1e300, "1e+300"),
        (-math.inf, "-Infinity"),
    ],
)
def test_decimals_are_printed_as_tf_serving_does(value: float, text: str) -> None:
    assert decimal_text(value) == text
