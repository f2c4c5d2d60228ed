from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tfx import types
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from common.errors import BadInput
from components.word_pairs.executor import Executor
from tests.trainer_modules import contract, text_data
from trainer_modules import word_embeddings
from trainer_modules.common import export
from trainer_modules.embeddings.export import EmbeddingsModule
from trainer_modules.text.tokenizer_config import RESERVED

WORDS = {"tokenizer": {"min_frequency": 1}}
ANALOGIES = [["lovely", "great", "dull", "awful"], ["film", "story", "nowhere", "music"]]


def config(task: str = "embedding", **sections: Any) -> dict[str, Any]:
    features = {**WORDS, **sections.pop("features", {})}
    model = {"dimensions": 8, "window": 2, "analogies": ANALOGIES, **sections.pop("model", {})}
    if model.get("objective") != "glove":
        # There are so few words that each is a frequent one.
        model = {"subsample": 0.05, **model}
    training = {"epochs": 3, "batch_size": 64, "learning_rate": 0.02, **sections.pop("training", {})}
    return {
        "task": task,
        "labels": [],
        "features": features,
        "model": model,
        "training": training,
        **sections,
    }


def texts(rows: int, start: int = 0) -> pd.DataFrame:
    return text_data.frame(rows, start=start)[["text"]]


def prepare(folder: Path, custom_config: dict[str, Any]) -> contract.Prepared:
    """Transform, and WordPairs in the place of the transformed examples."""
    splits = {"train": texts(60), "valid": texts(14, start=200)}
    prepared = contract.prepare(folder, splits, word_embeddings.preprocessing_fn, custom_config)
    make_pairs(prepared)
    return prepared


def make_pairs(prepared: contract.Prepared) -> None:
    examples, graph, pairs = (
        standard_artifacts.Examples(),
        standard_artifacts.TransformGraph(),
        standard_artifacts.Examples(),
    )
    examples.uri, graph.uri = str(prepared.folder / "transformed"), prepared.transform_graph
    examples.split_names = artifact_utils.encode_split_names(["train", "valid"])
    pairs.uri = str(prepared.folder / "pairs")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=contract.BEAM, tmp_dir=str(prepared.folder / "tmp"), unique_id="1"
    )
    properties = {
        "pairs_fn": "trainer_modules.word_embeddings.pairs_fn",
        "seed": 1,
        "custom_config": json_utils.dumps(prepared.custom_config),
    }
    inputs: dict[str, list[types.Artifact]] = {"examples": [examples], "transform_graph": [graph]}
    Executor(context).Do(inputs, {"pairs": [pairs]}, properties)


def fn_args(prepared: contract.Prepared, run: str = "1", **changes: Any) -> FnArgs:
    files = {
        name: [str(prepared.folder / "pairs" / f"Split-{split}" / "*")]
        for name, split in (("train_files", "train"), ("eval_files", "valid"))
    }
    return prepared.fn_args(run, **{**files, **changes})


def run_folder(prepared: contract.Prepared, run: str = "1") -> Path:
    return prepared.folder / "Trainer" / "model_run" / run


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((run_folder(prepared, run) / "learning_curves.json").read_text())


def numpy_likelihood(module: EmbeddingsModule, window: int, text: str) -> tuple[float, float, float]:
    """(log likelihood, pairs, unigram log likelihood), one pair after the other."""
    ids = module.tokenizer.tokenize(tf.constant([text])).to_list()[0]
    known = [token - 4 for token in ids if token >= 4]
    logged = module.model(tf.range(module.model.size)).numpy().astype(np.float64)
    unigram = module._unigram.numpy().astype(np.float64)
    total = plain = pairs = 0.0
    for place, centre in enumerate(known):
        for other, context in enumerate(known):
            if 0 < abs(place - other) <= window:
                total, plain, pairs = total + logged[centre, context], plain + unigram[context], pairs + 1
    return total, pairs, plain


def expected_likelihood(module: EmbeddingsModule, window: int, texts: list[str]) -> dict[str, np.ndarray]:
    rows = np.array([numpy_likelihood(module, window, text) for text in texts], np.float32)
    names = ("log_likelihood", "tokens", "unigram_log_likelihood")
    return {name: rows[:, column] for column, name in enumerate(names)}


SMALL: dict[str, dict[str, Any]] = {
    "skip_gram": {},
    "glove": {"model": {"objective": "glove"}},
    "debiased": {
        "model": {
            "passes": 2,
            "debias": {
                "direction": [["lovely", "dull"], ["great", "awful"]],
                "neutralise": ["film", "story"],
                "equalise": [["music", "scene"]],
            },
        }
    },
}


@pytest.mark.parametrize("name", ["skip_gram", "glove", pytest.param("debiased", marks=pytest.mark.slow)])
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tmp_path, config(**SMALL[name]))
    exported: list[EmbeddingsModule] = []
    save = export.save

    def spy(module: EmbeddingsModule, *args: Any, **kwargs: Any) -> None:
        exported.append(module)
        save(module, *args, **kwargs)

    monkeypatch.setattr(export, "save", spy)
    word_embeddings.run_fn(fn_args(prepared))
    [module] = exported
    found_curves = curves(prepared)
    assert found_curves["loss"][-1] < found_curves["loss"][0]
    np.testing.assert_allclose(found_curves["val_perplexity"], np.exp(found_curves["val_loss"]), rtol=1e-5)
    assert not list((prepared.folder / "Trainer" / "checkpoints").glob("*"))

    held_out = texts(14, start=200)["text"].tolist()
    expected = expected_likelihood(module, 2, held_out)
    # The loss of the best epoch is that of the exported model on the same texts.
    best = found_curves["val_loss"][found_curves["best_epoch"] - 1]
    assert best == pytest.approx(-expected["log_likelihood"].sum() / expected["tokens"].sum(), rel=1e-4)

    given = {
        "neighbours": {"words": np.array(["film", "Awful"], object), "count": np.array([3], np.int32)},
        "analogies": {
            word: np.array([word_], object) for word, word_ in zip("abc", ANALOGIES[0], strict=False)
        },
    }
    # One row is asked for alone too: inputs that all rows share have one already.
    found = contract.answers(prepared.model_dir(), prepared.raw["valid"], prepared.folder, given)
    for signature in ("serving_examples", "serving_default"):
        contract.assert_equal(found[signature], expected)
        contract.assert_equal(
            found[f"{signature} of one"], {name: value[:1] for name, value in expected.items()}
        )
    truth = {"text_xf": np.array([text.encode() for text in held_out], object)}
    contract.assert_equal(found["transform_features"], truth)
    for signature, function in (("neighbours", module.neighbours()), ("analogies", module.analogies())):
        answers = function({name: tf.constant(value) for name, value in given[signature].items()})
        contract.assert_equal(found[signature], {name: value.numpy() for name, value in answers.items()})
    in_a_session = contract.answers_of_a_session(
        prepared.model_dir(), "serving_examples", prepared.raw["valid"]
    )
    contract.assert_equal(in_a_session, expected)

    measured = contract.evaluate(prepared, prepared.model_dir(), "valid")[""]
    gained = expected["log_likelihood"].sum() - expected["unigram_log_likelihood"].sum()
    assert measured["bits_gained"] == pytest.approx(
        gained / expected["tokens"].sum() / np.log(2), rel=1e-4, abs=1e-5
    )

    served = contract.serve(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    assert served.failures == []
    assert served.not_checked == {}
    assert {name: feed.kind for name, feed in served.feeds.items()} == {
        "analogies": "requests",
        "neighbours": "requests",
        "serving_default": "features",
        "serving_examples": "examples",
        "transform_features": "examples",
    }
    asked = contract.requests_in(prepared.model_dir())
    frequent = [name.encode() for name in module.tokenizer.names()[RESERVED:][:6]]
    assert [request["words"].tolist() for request in asked["neighbours"]] == [
        *([word] for word in frequent[:4]),
        [b""],
    ]
    assert [[request[name][0] for name in "abc"] for request in asked["analogies"]] == [
        frequent[start : start + 3] for start in range(4)
    ]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    prepared = prepare(tmp_path_factory.mktemp("reviews"), config(training={"epochs": 8}))
    word_embeddings.run_fn(fn_args(prepared))
    return prepared


@pytest.fixture(scope="module")
def model(reviews: contract.Prepared) -> Any:
    return tf.saved_model.load(reviews.model_dir())


def ask(model: Any, signature: str, **asked: Any) -> dict[str, np.ndarray]:
    fed = {name: tf.constant(value) for name, value in asked.items()}
    return {name: value.numpy() for name, value in model.signatures[signature](**fed).items()}


def vectors(prepared: contract.Prepared) -> dict[str, np.ndarray]:
    """The files for the projector."""
    folder = run_folder(prepared)
    header, *rows = (folder / "metadata.tsv").read_text().splitlines()
    assert header == "word\tcount"
    found = np.loadtxt(folder / "vectors.tsv", delimiter="\t")
    return dict(zip([row.split("\t")[0] for row in rows], found, strict=True))


def test_it_learns_more_than_frequencies(reviews: contract.Prepared, model: Any) -> None:
    found = ask(model, "serving_default", text=texts(14, start=200)["text"].tolist())
    gained = found["log_likelihood"].sum() - found["unigram_log_likelihood"].sum()
    assert gained > 0.2 * found["tokens"].sum()
    losses = curves(reviews)["val_loss"]
    assert min(losses) < losses[0]


def test_neighbours_are_those_of_the_projector_files(reviews: contract.Prepared, model: Any) -> None:
    words = vectors(reviews)
    names, matrix = list(words), np.stack(list(words.values()))
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, rtol=1e-4)
    found = ask(model, "neighbours", words=["film", "GREAT"], count=np.array([4, 2], np.int32))
    assert found["words"].shape == found["similarity"].shape == (2, 4)
    for row, (word, count) in enumerate((("film", 4), ("great", 2))):
        cosines = matrix @ words[word]
        order = [number for number in np.argsort(-cosines) if names[number] != word][:count]
        assert [name.decode() for name in found["words"][row, :count]] == [names[number] for number in order]
        np.testing.assert_allclose(found["similarity"][row, :count], cosines[order], atol=1e-5)
    assert found["words"][1, 2:].tolist() == [b"", b""]
    assert found["similarity"][1, 2:].tolist() == [0, 0]


def test_words_without_a_vector_have_no_neighbours(model: Any) -> None:
    unknown = ["", "zebra", "two words", "[UNK]"]
    found = ask(model, "neighbours", words=unknown, count=np.array([3], np.int32))
    assert found["words"].tolist() == [[b""] * 3] * 4
    assert found["similarity"].tolist() == [[0.0] * 3] * 4
    none = ask(model, "neighbours", words=["film"], count=np.array([0], np.int32))
    assert none["words"].shape == (1, 0)
    every = ask(model, "neighbours", words=["film"], count=np.array([1000], np.int32))
    assert every["words"].shape[1] < 1000
    assert b"film" not in every["words"]


def test_counts_that_cannot_be(model: Any) -> None:
    for count, message in ((-1, "must not be negative"), (1001, "at most 1000")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"count: {message}"):
            ask(model, "neighbours", words=["film"], count=np.array([count], np.int32))


def test_analogies_are_nearest_to_the_sum(reviews: contract.Prepared, model: Any) -> None:
    words = vectors(reviews)
    a, b, c = "lovely", "great", "dull"
    asked = words[b] - words[a] + words[c]
    cosines = {
        name: vector @ asked / np.linalg.norm(asked)
        for name, vector in words.items()
        if name not in (a, b, c)
    }
    best = max(cosines, key=cosines.__getitem__)
    found = ask(model, "analogies", a=[a, a, "zebra"], b=[b, b, b], c=[c, "", c])
    assert found["d"].tolist() == [best.encode(), b"", b""]
    np.testing.assert_allclose(found["similarity"], [cosines[best], 0, 0], atol=1e-5)


def test_what_is_kept_with_the_run(reviews: contract.Prepared, model: Any) -> None:
    folder = run_folder(reviews)
    shown = json.loads((folder / "neighbours.json").read_text())
    assert len(shown) == 20
    word, near = next(iter(shown.items()))
    found = ask(model, "neighbours", words=[word], count=np.array([10], np.int32))
    assert [row["word"].encode() for row in near] == found["words"][0].tolist()
    report = json.loads((folder / "analogies.json").read_text())
    assert (report["asked"], report["without_vector"]) == (1, 1)
    answer = ask(model, "analogies", a=["lovely"], b=["great"], c=["dull"])["d"][0].decode()
    assert report["analogies"][0]["found"] == answer
    assert report["accuracy"] == float(answer == "awful")


def test_unknown_words_and_empty_texts(model: Any) -> None:
    found = ask(model, "serving_default", text=["film music", "", "zebra", "film zebra music"])
    assert found["tokens"].tolist() == [2, 0, 0, 2]
    assert found["log_likelihood"][1:3].tolist() == [0, 0]
    np.testing.assert_allclose(found["log_likelihood"][3], found["log_likelihood"][0], rtol=1e-6)


def test_a_killed_training_ends_with_the_same_weights(
    reviews: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom_config = config(training={"epochs": 3})
    with contract.killed_after(2):
        word_embeddings.run_fn(fn_args(reviews, "killed", custom_config=custom_config))
    contract.export_nothing(monkeypatch)
    found = {}
    for run in ("resumed", "unbroken"):
        word_embeddings.run_fn(fn_args(reviews, run, custom_config=custom_config))
        found[run] = reviews.weights(run)
    assert curves(reviews, "resumed")["resumed_after_epoch"] == 2
    for resumed, unbroken in zip(found["resumed"], found["unbroken"], strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


def test_texts_without_neighbours(tmp_path: Path) -> None:
    custom_config = config()
    splits = {"train": pd.DataFrame({"text": ["film", "music"]}), "valid": texts(3)}
    prepared = contract.prepare(tmp_path, splits, word_embeddings.preprocessing_fn, custom_config)
    make_pairs(prepared)
    with pytest.raises(BadInput, match="text: the train split has no two known words in one text"):
        word_embeddings.run_fn(fn_args(prepared))


def test_a_word_that_is_to_be_debiased_must_have_a_vector(reviews: contract.Prepared) -> None:
    debias = {"direction": [["film", "zebra"]]}
    changed = replace(reviews, custom_config=config(model={"debias": debias}))
    with pytest.raises(BadInput, match=r"debias\.direction: 'zebra' has no vector"):
        word_embeddings.run_fn(fn_args(changed, "zebra"))


@pytest.mark.parametrize(
    ("custom_config", "features", "message"),
    [
        (config("binary"), {}, "takes task embedding, not binary"),
        (config(labels=["a"]), {}, "word embeddings have no label, got a"),
        (config(features={"column": "other"}), {}, r"no column 'other' \(they have text\)"),
        (config(), {"text": tf.constant([[1.0]])}, "column 'text' is float32: .* takes text"),
    ],
)
def test_columns_and_tasks_that_do_not_fit(
    custom_config: dict[str, Any], features: dict[str, tf.Tensor], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        word_embeddings.preprocessing_fn({"text": tf.constant([["a"]]), **features}, custom_config)
