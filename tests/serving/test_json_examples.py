"""Classify and regress requests in JSON -> tf.Examples: TF Serving's own cases and its refusals."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow_serving.apis.input_pb2 import Input

from serving.errors import ServingError
from serving.json_document import parse_object
from serving.json_examples import fill_input


def filled(body: bytes) -> Input:
    target = Input()
    fill_input(parse_object(body), target)
    return target


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as error:
        filled(body)
    assert error.value.code.name == "INVALID_ARGUMENT"
    return error.value.message


def feature(name: str, kind: str, *values: str) -> str:
    listed = " ".join(f"value: {value}" for value in values)
    return f'feature {{ key: "{name}" value {{ {kind} {{ {listed} }} }} }}'


def test_examples_without_context() -> None:
    found = filled(
        b"""{"examples": [{"names": ["foo", "bar"], "ratings": [8.0, 9.0], "age": 20},
                          {"names": ["baz"], "ratings": 6.0}, {}, {"nothing": []}]}"""
    )
    first = [
        feature("names", "bytes_list", '"foo"', '"bar"'),
        feature("ratings", "float_list", "8", "9"),
        feature("age", "int64_list", "20"),
    ]
    second = [feature("names", "bytes_list", '"baz"'), feature("ratings", "float_list", "6")]
    assert found == text_format.Parse(
        f"""example_list {{ examples {{ features {{ {" ".join(first)} }} }}
                            examples {{ features {{ {" ".join(second)} }} }}
                            examples {{ }}
                            examples {{ features {{ feature {{ key: "nothing" value {{ }} }} }} }} }}""",
        Input(),
    )


def test_a_context_is_shared() -> None:
    found = filled(
        b"""{"context": {"query": "pizza", "location": ["sfo"]},
             "examples": [{"names": ["baz", {"b64": "aGVsbG8="}], "mix": [1, true, false]},
                          {"ratings": -Infinity, "x": [NaN, 1e3, 18446744073709551616]}]}"""
    )
    listed = found.example_list_with_context
    assert dict(listed.context.features.feature) == {
        "query": text_format.Parse('bytes_list { value: "pizza" }', Feature()),
        "location": text_format.Parse('bytes_list { value: "sfo" }', Feature()),
    }
    features = listed.examples[0].features.feature
    assert list(features["names"].bytes_list.value) == [b"baz", b"hello"]
    assert list(features["mix"].int64_list.value) == [1, 1, 0]
    features = listed.examples[1].features.feature
    assert list(features["ratings"].float_list.value) == [-float("inf")]
    assert str(list(features["x"].float_list.value)) == "[nan, 1000.0, 1.8446744073709552e+19]"


def test_an_empty_context_is_a_context() -> None:
    assert filled(b'{"context": {}, "examples": [{}]}').WhichOneof("kind") == "example_list_with_context"


def test_strings_keep_their_bytes() -> None:
    found = filled(b'{"examples": [{"a": "\xff"}]}')
    assert found.example_list.examples[0].features.feature["a"].bytes_list.value[0] == b"\xff"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"{}",
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            b'{"examples": {"a": 1}}',
            'JSON Value: {\n    "examples": {\n        "a": 1\n    }\n} '
            "Expecting 'examples' value to be an list/array",
        ),
        (b'{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        (b'{"examples": [[{}]]}', "Example must be JSON object but got JSON Array"),
        (b'{"examples": [1]}', "Example must be JSON object but got JSON Number"),
        (b'{"context": [{}]}', "Example must be JSON object but got JSON Array"),
        (
            b'{"examples": [{"a": [10, null]}]}',
            "Feature: a has element with unexpected JSON type: Null",
        ),
        (
            b'{"examples": [{"a": [10, {"test": 10}]}]}',
            "Feature: a has element with unexpected JSON type: Object",
        ),
        (b'{"examples": [{"a": [[10]]}]}', "Feature: a has element with unexpected JSON type: Array"),
        (
            b'{"examples": [{"a": [10, 10.0]}]}',
            "Unexpected element type in feature: a expecting type: int64",
        ),
        (b'{"examples": [{"a": [1.5, 1]}]}', "Unexpected element type in feature: a expecting type: float"),
        (
            b'{"examples": [{"a": ["x", true]}]}',
            "Unexpected element type in feature: a expecting type: bytes",
        ),
        (
            b'{"examples": [{"a": [1, {"b64": "eA=="}]}]}',
            "Unexpected element type in feature: a expecting type: int64",
        ),
        (b'{"examples": [{"a": {"b64": "!"}}]}', "Unable to base64 decode"),
        (
            b'{"examples": [{"a": [20, 18446744073709551603]}]}',
            "Feature: a has uint64 element. Only int64 is supported.",
        ),
        (
            b'{"examples": [{"a": 1e300}]}',
            "Cannot convert JSON value: 1e+300 to float without loss of precision.",
        ),
        (b'{"examples": [{"\xff": 1}]}', 'Feature: "?" is not named in UTF-8'),
    ],
)
def test_refusals(body: bytes, message: str) -> None:
    assert refusal(body) == message
