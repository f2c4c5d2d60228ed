"""What is typed in becomes what the model takes, or one line beside the field."""

from __future__ import annotations

import math
from typing import Any

import pytest

from common.errors import BadInput
from common.raw_features import MISSING_INT
from reports.what_if import form
from reports.what_if.form import Field
from reports.what_if.held_out import HeldOut
from serving.client_types import Signature, Tensor
from tests.reports.what_if import birds


def made(inputs: dict[str, Tensor], **options: Any) -> list[Field]:
    return form.fields(Signature(inputs, {}, ""), False, None, {}, **options)


@pytest.fixture
def fields(held_out: HeldOut) -> list[Field]:
    vocabulary = {"island": ("Dream", "Biscoe")}
    return form.fields(Signature(birds.INPUTS, {}, ""), False, held_out, vocabulary)


def test_fields_know_kind_bounds_and_suggestions(fields: list[Field]) -> None:
    bill, island, mass = fields
    known = [row["bill"] for row in birds.rows() if row["bill"] is not None]
    assert (bill.kind, island.kind, mass.kind) == ("number", "text", "whole")
    assert (bill.low, bill.high) == pytest.approx((min(known), max(known)), abs=1e-5)
    assert island.suggestions == ("Dream", "Biscoe")
    assert mass.suggestions == ()


def test_without_a_vocabulary_the_values_that_there_are_are_suggested(held_out: HeldOut) -> None:
    island = form.fields(Signature(birds.INPUTS, {}, ""), False, held_out, {})[1]
    assert sorted(island.suggestions) == sorted(birds.ISLANDS)
    assert island.known is None


def test_values_become_what_the_model_takes(fields: list[Field]) -> None:
    filled = form.fill(fields, {"bill": " 45.5 ", "island": "Dream", "mass": "4e3"})
    assert filled == form.Filled({"bill": 45.5, "island": "Dream", "mass": 4000}, {}, {})


def test_what_is_empty_is_missing(fields: list[Field]) -> None:
    row = form.fill(fields, {"bill": "", "island": None}).row
    assert math.isnan(row["bill"])
    assert (row["island"], row["mass"]) == ("", MISSING_INT)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("bill", "abc", "'abc' is no number"),
        ("bill", "nan", "NaN is no number; leave the field empty where the value is missing"),
        ("bill", "inf", "inf is too large a number"),
        ("bill", "1e39", "1e39 is too large a number"),
        ("bill", [1], "one value is expected"),
        ("mass", "4000.5", "'4000.5' is no whole number"),
        ("mass", "NaN", "'NaN' is no whole number"),
        ("mass", "9" * 20, "99999999999999999999 is too large a number"),
        ("mass", str(MISSING_INT), "-2147483648 stands for a missing value; leave the field empty"),
        ("island", "\ud800", "this is no text in UTF-8"),
        ("island", "x" * 100_001, "100,001 characters are too many; give 100,000 at most"),
    ],
)
def test_a_wrong_value_is_one_line_beside_its_field(
    fields: list[Field], name: str, value: Any, line: str
) -> None:
    assert form.fill(fields, {name: value}).errors == {name: line}


def test_what_the_model_did_not_learn_from_is_remarked_on(fields: list[Field]) -> None:
    filled = form.fill(fields, {"bill": "500", "island": birds.EVIL, "mass": "4000"})
    assert set(filled.notes) == {"bill", "island"}
    assert filled.notes["bill"].startswith("outside what the held-out examples have: ")
    unknown = "is not in the vocabulary: the model takes it for an unknown value"
    assert filled.notes["island"] == f"{birds.EVIL!r} {unknown}"
    assert filled.errors == {}


def test_booleans_are_true_false_or_missing() -> None:
    inputs = {"flag": Tensor("DT_INT64", (-1,)), "sure": Tensor("DT_BOOL", (-1, 1))}
    fields = made(inputs, booleans=frozenset({"flag"}))
    assert [field.kind for field in fields] == ["boolean", "boolean"]
    assert form.fill(fields, {"flag": "true", "sure": "no"}).row == {"flag": 1, "sure": [False]}
    filled = form.fill(fields, {"flag": "", "sure": ""})
    assert filled.row == {"flag": MISSING_INT}
    assert filled.errors == {"sure": "has to be true or false"}
    maybe = form.fill(fields, {"flag": "maybe", "sure": "1"})
    assert maybe.errors == {"flag": "'maybe' is neither true nor false"}


def test_a_sentence_is_cut_at_its_spaces() -> None:
    fields = made({"tokens": Tensor("DT_STRING", (-1, -1))})
    assert fields[0].kind == "tokens"
    assert form.fill(fields, {"tokens": " Ada  Lovelace "}).row == {"tokens": ["Ada", "Lovelace"]}
    assert form.fill(fields, {}).row == {"tokens": [""]}


def test_pixels_are_asked_for_as_an_encoded_picture() -> None:
    pixels = Signature({"image": Tensor("DT_FLOAT", (-1, 28, 28, 1))}, {}, "")
    encoded = Signature({"image_bytes": Tensor("DT_STRING", (-1,))}, {}, "")
    assert (
        form.choose_signature("m", {"serving_default": pixels, "serving_bytes": encoded}) == "serving_bytes"
    )
    assert form.fields(encoded, True, None, {})[0].kind == "image"
    with pytest.raises(BadInput, match="has no serving_default"):
        form.choose_signature("m", {"one": encoded, "two": encoded})


def test_inputs_of_several_values_are_shown_closed() -> None:
    fields = made({"vector": Tensor("DT_FLOAT", (-1, 8))})
    assert fields[0].kind == "other"
    assert form.fill(fields, {"vector": "1"}).errors == {"vector": "float [-1, 8]: cannot be edited here"}
