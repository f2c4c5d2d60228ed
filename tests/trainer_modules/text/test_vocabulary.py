from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from common.errors import BadInput
from tests.trainer_modules import contract
from trainer_modules.text import tokenizers, vocabulary
from trainer_modules.text.tokenizer_config import Tokenizer

WORDS = Tokenizer(size=7, min_frequency=1)
CHARACTERS = Tokenizer(kind="characters", min_frequency=2)
RARE = Tokenizer(min_frequency=100)


def preprocess(inputs: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    texts = tf.reshape(inputs["text"], [-1])
    for name, config in (("words", WORDS), ("characters", CHARACTERS), ("rare", RARE)):
        vocabulary.analyze(texts, config, name)
    return {"text_xf": texts}


@pytest.fixture(scope="module")
def transform(tmp_path_factory: pytest.TempPathFactory) -> tft.TFTransformOutput:
    texts = ["A film, a\nfilm", "the FILM\n", ""]
    frames = {"train": pd.DataFrame({"text": texts}), "valid": pd.DataFrame({"text": ["valid valid valid"]})}
    prepared = contract.prepare(tmp_path_factory.mktemp("words"), frames, preprocess, {})
    return tft.TFTransformOutput(prepared.transform_graph)


def test_the_most_frequent_words_of_the_train_split(transform: tft.TFTransformOutput) -> None:
    found = vocabulary.read(transform, "words")
    assert found.tokens[:2] == [b"film", b"a"]
    assert found.counts == [3, 2, 1]
    assert found.tokens[2] in (b"the", b",")


def test_characters_hold_white_space_and_the_newline(
    transform: tft.TFTransformOutput, tmp_path: Path
) -> None:
    found = vocabulary.read(transform, "characters")
    assert dict(zip(found.tokens, found.counts, strict=True)) == {
        b"f": 3, b"i": 3, b"l": 3, b"m": 3, b" ": 3, b"a": 2, b"\n": 2,
    }  # fmt: skip
    tokenizer = tokenizers.make(CHARACTERS, transform, "characters", [], tmp_path, 1)
    ids = tokenizer.tokenize(tf.constant(["Film\na x"]))
    assert tokenizer.detokenize(ids)[0].numpy() == b"film\na [UNK]"


def test_no_token_is_frequent_enough(transform: tft.TFTransformOutput) -> None:
    with pytest.raises(BadInput, match="rare: no token is frequent enough in the train split"):
        vocabulary.read(transform, "rare")
