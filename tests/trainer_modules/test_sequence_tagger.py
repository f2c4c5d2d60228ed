from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common.errors import BadInput
from tests.trainer_modules import contract
from trainer_modules import sequence_tagger

FIRST, LAST = ("Ann", "Bo", "Cy", "Dee", "Eli"), ("Ito", "Jansen", "Khan", "de la Cruz", "van Dam")
AROUND = ("mr", "dr", "and", "esq")


def sentence(draw: random.Random) -> tuple[list[str], list[str]]:
    """A title or none, a given name and a surname of one to three words, and something behind or nothing."""
    tokens, tags = [], []
    if draw.random() < 0.5:
        tokens.append(draw.choice(AROUND[:2]))
        tags.append("O")
    tokens.append(draw.choice(FIRST))
    tags.append("B-Given")
    surname = draw.choice(LAST).split()
    tokens += surname
    tags += ["B-Sur", *["I-Sur"] * (len(surname) - 1)]
    if draw.random() < 0.3:
        tokens.append(draw.choice(AROUND[2:]))
        tags.append("O")
    return tokens, tags


def frame(count: int, seed: int) -> pd.DataFrame:
    draw = random.Random(seed)
    rows = [sentence(draw) for _ in range(count)]
    return pd.DataFrame({"tokens": [tokens for tokens, _ in rows], "tags": [tags for _, tags in rows]})


def config(**sections: Any) -> dict[str, Any]:
    return {
        "task": "tagging",
        "labels": ["tags"],
        "features": {"min_frequency": 1, **sections.pop("features", {})},
        "model": {
            "units": 8,
            "embedding": 8,
            "characters": {"embedding": 4, "filters": 8, "longest": 8},
            **sections.pop("model", {}),
        },
        "training": {"epochs": 12, "batch_size": 8, "learning_rate": 0.02, **sections.pop("training", {})},
    }


def prepare(
    folder: Path, custom_config: dict[str, Any], train: pd.DataFrame | None = None
) -> contract.Prepared:
    splits = {"train": frame(60, 1) if train is None else train, "valid": frame(20, 2)}
    return contract.prepare(folder, splits, sequence_tagger.preprocessing_fn, custom_config)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    prepared = prepare(tmp_path_factory.mktemp("names"), config())
    sequence_tagger.run_fn(prepared.fn_args())
    return prepared


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


@pytest.fixture(scope="module")
def exported(names: contract.Prepared) -> Any:
    return tf.saved_model.load(names.model_dir())


def asked(model: Any, sentences: list[list[str]]) -> list[list[str]]:
    """The tags of each sentence without its padding."""
    width = max(map(len, sentences))
    padded = [tokens + [""] * (width - len(tokens)) for tokens in sentences]
    found = model.signatures["serving_default"](tokens=tf.constant(padded))["tags"].numpy()
    assert found.shape == (len(sentences), width)
    for tokens, row in zip(sentences, found, strict=True):
        assert (row[len(tokens) :] == b"").all()
    return [
        [tag.decode() for tag in row[: len(tokens)]] for tokens, row in zip(sentences, found, strict=True)
    ]


def test_loss_falls_and_held_out_tags_are_right(names: contract.Prepared, exported: Any) -> None:
    found = curves(names)
    assert found["loss"][-1] < 0.3 * found["loss"][0]
    held_out = frame(20, 2)
    answers = asked(exported, held_out["tokens"].tolist())
    pairs = [
        (a, b)
        for row, tags in zip(answers, held_out["tags"], strict=True)
        for a, b in zip(row, tags, strict=True)
    ]
    assert np.mean([a == b for a, b in pairs]) > 0.95


def test_padding_changes_nothing(exported: Any) -> None:
    sentences = [
        ["mr", "Ann", "van", "Dam"],
        ["Bo"],
        ["Unheard", "of", "Names", "and", "Zoë", "esq", "esq", "esq"],
    ]
    together = asked(exported, sentences)
    assert together == [asked(exported, [tokens])[0] for tokens in sentences]


def test_an_empty_sentence_has_no_tags(exported: Any) -> None:
    signature = exported.signatures["serving_default"]
    assert signature(tokens=tf.constant([["", ""]]))["tags"].numpy().tolist() == [[b"", b""]]
    empty = contract.example({"tokens": [], "tags": []})
    by_examples = exported.signatures["serving_examples"]
    tags = by_examples(examples=tf.constant([empty, contract.example({"tokens": ["Ann"], "tags": []})]))[
        "tags"
    ]
    assert tags.numpy().tolist()[0] == [b""]
    assert tags.numpy().tolist()[1] != [b""]


_FRESH = """
import sys
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
print(signatures["serving_default"](tokens=tf.constant([["mr", "Ann", "Khan"]]))["tags"].numpy().tolist())
assert not [name for name in sys.modules if name.split(".")[0] in ("tensorflow_transform", "tensorflow_text", "tfx")]
"""


def test_signatures_agree_in_a_fresh_process_and_in_the_model_server(
    names: contract.Prepared, exported: Any
) -> None:
    command = [sys.executable, "-c", _FRESH, names.model_dir()]
    done = subprocess.run(command, cwd=names.folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[b'O', b'B-Given', b'B-Sur']]"

    held_out = frame(20, 2)
    loaded = exported.signatures
    of_examples = loaded["serving_examples"](examples=tf.constant(names.raw["valid"]))["tags"].numpy()
    answers = asked(exported, held_out["tokens"].tolist())
    assert [[tag.decode() for tag in row if tag] for row in of_examples] == answers
    truth = loaded["transform_features"](examples=tf.constant(names.raw["valid"]))["tags_xf"].numpy()
    assert [[tag.decode() for tag in row if tag] for row in truth] == held_out["tags"].tolist()
    in_a_session = contract.answers_of_a_session(names.model_dir(), "serving_examples", names.raw["valid"])
    np.testing.assert_array_equal(in_a_session["tags"], of_examples)


@pytest.mark.parametrize(
    "model",
    [
        {"decoding": "constrained", "cell": "gru", "characters": None},
        {"decoding": "argmax", "bidirectional": False, "layers": 2},
    ],
)
def test_other_forms_learn_too(model: dict[str, Any], names: contract.Prepared) -> None:
    run = model["decoding"]
    custom_config = config(model=model, training={"epochs": 6})
    sequence_tagger.run_fn(names.fn_args(run, custom_config=custom_config))
    found = curves(names, run)
    assert found["loss"][-1] < found["loss"][0]
    assert asked(tf.saved_model.load(names.model_dir(run)), [["dr", "Cy", "Ito"]])[0][0] == "O"


def test_columns_and_labels_that_do_not_fit(tmp_path: Path) -> None:
    for change, said in (
        ({"task": "multiclass"}, "sequence_tagger takes task tagging, not multiclass"),
        ({"features": {"tokens": "words"}}, "the examples have no column 'words'"),
        ({"labels": ["tag"]}, "the examples have no column 'tag'"),
    ):
        with pytest.raises(BadInput, match=said):
            sequence_tagger.preprocessing_fn({"tokens": None, "tags": None}, {**config(), **change})


def test_a_sentence_with_too_few_tags(tmp_path: Path) -> None:
    short = frame(12, 3)
    short.at[5, "tags"] = short.at[5, "tags"][:-1]
    prepared = prepare(tmp_path, config(), short)
    with pytest.raises(BadInput, match=r"a sentence has . tokens and . tags: give each token a tag"):
        sequence_tagger.run_fn(prepared.fn_args())
