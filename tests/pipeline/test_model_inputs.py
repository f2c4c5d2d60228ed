"""Which signature and input a question goes to."""

from __future__ import annotations

import pytest

from common.errors import BadInput
from pipeline import model_inputs
from serving.client_types import Signature, Tensor

STRING = Tensor("DT_STRING", (-1,))
PIXELS = Tensor("DT_FLOAT", (-1, 28, 28))


def signature(**inputs: Tensor) -> Signature:
    return Signature(inputs, {"y": Tensor("DT_FLOAT", (-1, 1))}, "tensorflow/serving/predict")


IMAGES = {
    "serving_default": signature(pixels=PIXELS),
    "serving_bytes": signature(image_bytes=STRING),
    "serving_examples": signature(examples=STRING),
}
TEXTS = {"serving_default": signature(text=STRING), "serving_examples": signature(examples=STRING)}
TABLE = {
    "serving_default": signature(a=STRING, b=Tensor("DT_FLOAT", None)),
    "serving_examples": signature(examples=STRING),
}


def test_the_usual_signature() -> None:
    assert model_inputs.choose("m", TABLE) == "serving_default"
    assert model_inputs.choose("m", {"only": signature(x=STRING)}) == "only"
    assert model_inputs.choose("m", IMAGES, "serving_bytes") == "serving_bytes"
    with pytest.raises(BadInput, match="m has no signature 'serving_byte'; did you mean serving_bytes"):
        model_inputs.choose("m", IMAGES, "serving_byte")
    with pytest.raises(BadInput, match="m has no serving_default; name one with --signature: a, b"):
        model_inputs.choose("m", {"b": signature(x=STRING), "a": signature(x=STRING)})


@pytest.mark.parametrize(
    ("signatures", "name", "what", "expected"),
    [
        (IMAGES, "", "image", ("serving_bytes", "image_bytes")),
        (TEXTS, "", "text", ("serving_default", "text")),
        (TEXTS, "", "image", ("serving_default", "text")),
        (IMAGES, "", "text", ("serving_bytes", "image_bytes")),
        (TABLE, "serving_examples", "text", ("serving_examples", "examples")),
    ],
)
def test_a_single_string_input(
    signatures: dict[str, Signature], name: str, what: str, expected: tuple[str, str]
) -> None:
    assert model_inputs.choose_for_strings("m", signatures, name, what) == expected


def test_no_single_string_input() -> None:
    with pytest.raises(BadInput) as raised:
        model_inputs.choose_for_strings("m", TABLE, "", "image")
    assert str(raised.value) == (
        "m takes no image: no signature with a single string input (serving_default takes a (string [-1]),"
        " b (float of any shape)); give --json or --csv"
    )
    with pytest.raises(BadInput, match=r"serving_default takes pixels \(float \[-1, 28, 28\]\)"):
        model_inputs.choose_for_strings("m", IMAGES, "serving_default", "image")


def test_columns_feed_inputs_of_the_same_or_the_exported_name() -> None:
    columns = ["class", "größe", "Price (EUR)", "b", "B", "species"]
    inputs = ["class_", "gr__e", "Price__EUR_", "b", "B"]
    assert model_inputs.columns_of(inputs, columns) == dict(zip(inputs, columns, strict=False))
    assert model_inputs.columns_of(["x", "y"], ["x"]) == {"x": "x"}
