"""Signatures get real examples as tensors: by the names of their inputs, else as serialized tf.Examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from components.serving_check import rows
from components.serving_check.feeding import CannotFeed, feed
from components.serving_check.signatures import CLASSIFY, REGRESS

PREDICT = "tensorflow/serving/predict"


def example(**features: Any) -> bytes:
    made = tf.train.Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        values = values if isinstance(values, list) else [values]
        if isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return made.SerializeToString()


def with_defaults(made: SignatureDef, **defaults: Any) -> SignatureDef:
    for name, value in defaults.items():
        made.defaults[name].CopyFrom(tf.make_tensor_proto(value))
    return made


def signature(method: str = PREDICT, **inputs: tuple[tf.DType, Any]) -> SignatureDef:
    made = SignatureDef(method_name=method)
    for name, (dtype, shape) in inputs.items():
        made.inputs[name].dtype = dtype.as_datatype_enum
        made.inputs[name].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    return made


PENGUINS = rows.of_examples(
    [
        example(species=b"Adelie", mass=3750.0, year=2007, sex=b"male"),
        example(species=b"Gentoo", year=2009),
    ],
    columns=["island"],
)


def test_raw_features_in_the_dtypes_of_the_signature_with_missing_values() -> None:
    found = feed(
        signature(
            mass=(tf.float32, [None]),
            year=(tf.int64, [None]),
            sex=(tf.string, [None]),
            island=(tf.string, [None]),
        ),
        PENGUINS,
    )
    assert (found.kind, found.guessed) == ("features", False)
    np.testing.assert_array_equal(found.tensors["mass"], np.array([3750.0, np.nan], np.float32))
    assert found.tensors["mass"].dtype == np.float32
    assert found.tensors["year"].dtype == np.int64
    assert found.tensors["year"].tolist() == [2007, 2009]
    assert found.tensors["sex"].tolist() == [b"male", b""]
    # No example has a value: the schema alone knows the column.
    assert found.tensors["island"].tolist() == [b"", b""]
    assert found.rows(1, 2)["year"].tolist() == [2009]


def test_an_input_without_a_feature_has_its_default_in_every_row() -> None:
    def taken() -> SignatureDef:
        return signature(sex=(tf.string, [None]), beam=(tf.int32, [None]), state=(tf.float32, [None, 2]))

    found = feed(with_defaults(taken(), beam=np.int32([4]), state=np.float32([[1, 2]])), PENGUINS)
    assert {name: values.tolist() for name, values in found.tensors.items()} == {
        "sex": [b"male", b""],
        "beam": [4, 4],
        "state": [[1, 2], [1, 2]],
    }
    assert found.tensors["beam"].dtype == np.int32
    only_defaults = with_defaults(signature(prompt=(tf.string, [None])), prompt=[b"a"])
    assert feed(only_defaults, PENGUINS).tensors["prompt"].tolist() == [b"a", b"a"]
    with pytest.raises(CannotFeed, match=r"input beam has a default of shape \[\], not one row"):
        feed(with_defaults(taken(), beam=np.int32(4), state=np.float32([[1, 2]])), PENGUINS)
    with pytest.raises(CannotFeed, match="no feature for its input state"):
        feed(with_defaults(taken(), beam=np.int32([4])), PENGUINS)


def test_a_missing_integer() -> None:
    asked = rows.of_examples([example(n=1), example(m=1)])
    assert feed(signature(n=(tf.int64, [None])), asked).tensors["n"].tolist() == [1, -(2**31)]


def png(*shades: int) -> bytes:
    return tf.io.encode_png(np.array(shades, np.uint8).reshape(2, -1, 1)).numpy()


def test_pixels_of_encoded_images() -> None:
    asked = rows.of_examples([example(image=png(1, 2, 3, 4)), example(image=png(5, 6, 7, 8))])
    found = feed(signature(image=(tf.float32, [None, 2, 2, 1])), asked)
    assert (found.kind, found.count) == ("features", 2)
    np.testing.assert_array_equal(
        found.tensors["image"], np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2, 1)
    )
    assert found.tensors["image"].dtype == np.float32


def test_pixels_are_what_the_model_makes_of_an_image() -> None:
    asked = rows.of_examples([example(image=b"anything")])
    given = []

    def decode(encoded: Any, shape: Any) -> np.ndarray:
        given.append((list(encoded), list(shape)))
        return np.full([1, 2, 2, 3], 7, np.uint8)

    found = feed(signature(image=(tf.float32, [None, 2, 2, 3])), asked, decode)
    assert given == [([b"anything"], [2, 2, 3])]
    np.testing.assert_array_equal(found.tensors["image"], np.full([1, 2, 2, 3], 7, np.float32))


def test_few_rows_where_images_are_large() -> None:
    asked = rows.of_examples([example(image=png(1, 2), width=1)] * 12)
    taken = signature(image=(tf.float32, [None, 512, 512, 1]), width=(tf.int64, [None]))
    found = feed(taken, asked)
    assert found.count == len(found.tensors["image"]) == len(found.tensors["width"]) == 4


@pytest.mark.parametrize("shape", [[None, None, None, 3], [None, 12], None])
def test_pixels_of_no_known_size_are_not_fed(shape: Any) -> None:
    asked = rows.of_examples([example(image=png(1, 2))])
    with pytest.raises(CannotFeed):
        feed(signature(image=(tf.float32, shape)), asked)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [([None, 1], [[2007], [2009]]), (None, [2007, 2009]), ([None, None], [[2007], [2009]])],
)
def test_one_value_in_any_shape_that_holds_one(shape: Any, expected: list[Any]) -> None:
    found = feed(signature(year=(tf.int32, shape)), PENGUINS).tensors["year"]
    assert found.tolist() == expected
    assert found.dtype == np.int32


def test_several_values_per_example() -> None:
    asked = rows.of_examples([example(spectrum=[1.0, 2.0, 3.0, 4.0]), example(other=1)])
    found = feed(signature(spectrum=(tf.float32, [None, 2, 2])), asked).tensors["spectrum"]
    np.testing.assert_array_equal(found, [[[1, 2], [3, 4]], np.full([2, 2], np.nan)])


def test_lists_of_text_are_filled_up_to_the_longest() -> None:
    sentences = rows.of_examples(
        [example(tokens=[b"Ann", b"Lee"]), example(tokens=[b"Bo"]), example(year=2009)], columns=["tokens"]
    )
    found = feed(signature(tokens=(tf.string, [None, None])), sentences)
    assert found.tensors["tokens"].tolist() == [[b"Ann", b"Lee"], [b"Bo", b""], [b"", b""]]


def test_whole_numbers_feed_floats() -> None:
    assert feed(signature(year=(tf.float32, [None])), PENGUINS).tensors["year"].tolist() == [2007.0, 2009.0]


def test_tensors_that_export_renamed() -> None:
    asked = rows.of_examples([example(**{"body mass (g)": 1.5, "class": b"a"})])
    found = feed(signature(body_mass__g_=(tf.float32, [None]), class_=(tf.string, [None])), asked)
    assert {name: values.tolist() for name, values in found.tensors.items()} == {
        "body_mass__g_": [1.5],
        "class_": [b"a"],
    }


def test_encoded_images_and_texts_by_their_names() -> None:
    asked = rows.of_examples([example(image=b"\x89PNG\x00", text=b"caf\xc3\xa9")])
    image = feed(signature(image_bytes=(tf.string, [None])), asked)
    assert (image.kind, image.tensors["image_bytes"].tolist()) == ("features", [b"\x89PNG\x00"])
    assert feed(signature(text=(tf.string, [None])), asked).tensors["text"].tolist() == [b"caf\xc3\xa9"]


@pytest.mark.parametrize(("name", "guessed"), [("examples", False), ("inputs", False), ("anything", True)])
def test_serialized_examples(name: str, guessed: bool) -> None:
    found = feed(signature(**{name: (tf.string, [None])}), PENGUINS)
    assert (found.kind, found.guessed) == ("examples", guessed)
    assert found.tensors[name].tolist() == PENGUINS.serialized


@pytest.mark.parametrize("method", [CLASSIFY, REGRESS])
def test_classify_and_regress_take_examples_whatever_their_input_is_called(method: str) -> None:
    found = feed(signature(method, sex=(tf.string, [None])), PENGUINS)
    assert (found.kind, found.guessed, found.method) == ("examples", False, method)
    assert found.tensors["sex"].tolist() == PENGUINS.serialized


@pytest.mark.parametrize(
    ("asked_for", "reason"),
    [
        (
            signature(mass=(tf.float32, [None]), wing=(tf.float32, [None])),
            "the examples have no feature for its input wing",
        ),
        (
            signature(pixels=(tf.float32, [None, 28, 28])),
            "its input pixels takes float32, which is neither tf.Examples nor a feature",
        ),
        (
            signature(REGRESS, x=(tf.float32, [None])),
            "its input x takes float32, which is neither tf.Examples nor a feature",
        ),
        (
            signature(species=(tf.float32, [None])),
            "its input species takes float32, the examples have text",
        ),
        (signature(mass=(tf.int64, [None])), "its input mass takes int64, the examples have float"),
        (signature(mass=(tf.float32, [])), "its input mass takes no batch, its shape is []"),
        (signature(mass=(tf.float32, [3])), "its input mass takes no batch, its shape is [3]"),
        (
            signature(mass=(tf.float32, [None, 2])),
            "its input mass takes 2 values per example, the examples have 1 or 2",
        ),
        (
            signature(mass=(tf.float32, [None, None, None])),
            "its input mass has more than one dimension of unknown size: [?, ?, ?]",
        ),
        (
            signature(examples=(tf.string, [])),
            "its input examples takes no list of tf.Examples, its shape is []",
        ),
        (signature(year=(tf.uint8, [None])), "its input year takes uint8: "),
        (signature(), "it takes no input"),
    ],
)
def test_what_cannot_be_fed_is_said(asked_for: SignatureDef, reason: str) -> None:
    with pytest.raises(CannotFeed) as caught:
        feed(asked_for, PENGUINS)
    assert str(caught.value).startswith(reason)


def test_rows_of_different_lengths() -> None:
    asked = rows.of_examples([example(sizes=[1.0, 2.0]), example(sizes=[3.0])])
    with pytest.raises(CannotFeed, match="takes 2 values per example, the examples have 1 or 2"):
        feed(signature(sizes=(tf.float32, [None, None])), asked)
