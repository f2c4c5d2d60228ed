from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common.errors import BadInput
from tests.trainer_modules import contract, text_data
from trainer_modules import language_model
from trainer_modules.common import export
from trainer_modules.language import samples
from trainer_modules.language.export import LanguageModule

CHARACTERS = {"min_frequency": 1}


def config(task: str = "language_model", **sections: Any) -> dict[str, Any]:
    features = {"tokenizer": CHARACTERS, **sections.pop("features", {})}
    model = {"units": 12, "max_tokens": 32, **sections.pop("model", {})}
    training = {
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 0.01,
        "samples": 0,
        **sections.pop("training", {}),
    }
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


def prepare(
    folder: Path,
    custom_config: dict[str, Any],
    train: pd.DataFrame | None = None,
    valid: pd.DataFrame | None = None,
) -> contract.Prepared:
    splits = {
        "train": texts(48) if train is None else train,
        "valid": texts(12, start=200) if valid is None else valid,
    }
    return contract.prepare(folder, splits, language_model.preprocessing_fn, custom_config)


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


def samples_of(prepared: contract.Prepared, run: str = "1") -> list[dict[str, Any]]:
    path = prepared.folder / "Trainer" / "model_run" / run / samples.FILE
    return json.loads(path.read_text(encoding="utf-8"))["samples"]


def wish(prompts: list[str], length: int = 5, **changes: Any) -> dict[str, np.ndarray]:
    asked = {"length": length, "temperature": 1.0, "top_k": 0, "seed": 1, **changes}
    kinds = {"temperature": np.float32}
    return {
        "prompt": np.array(prompts, object),
        **{name: np.array([value], kinds.get(name, np.int32)) for name, value in asked.items()},
    }


def exported_by(
    prepared: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> tuple[LanguageModule, dict[str, Any]]:
    """Train and export, and return what was exported: the module, and its signatures beside the usual ones."""
    exported: list[tuple[LanguageModule, dict[str, Any]]] = []
    save = export.save

    def spy(module: LanguageModule, folder: str, **signatures: Any) -> None:
        exported.append((module, signatures))
        save(module, folder, **signatures)

    monkeypatch.setattr(export, "save", spy)
    language_model.run_fn(prepared.fn_args())
    return exported[0]


def numpy_likelihood(module: LanguageModule, features: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """What the Keras model finds of each text alone, in one piece, summed up by numpy."""
    total, count = [], []
    for text in features["text_xf"].numpy():
        tokens = module.assemble({"text_xf": tf.constant([text])})
        seen, follows = tokens["seen"], tokens["follows"].numpy()[0]
        logits = module.model(seen).numpy()[0].astype(np.float64)
        each = logits[np.arange(len(follows)), follows] - np.log(np.exp(logits).sum(axis=-1))
        total.append(each.sum())
        count.append(len(follows))
    return {"log_likelihood": np.array(total, np.float32), "tokens": np.array(count, np.float32)}


def keep(prepared: contract.Prepared, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, np.ndarray]]:
    """Assert the contract of trainer modules, and return the answers of every signature on the `valid` split."""
    module, signatures = exported_by(prepared, monkeypatch)
    found_curves = curves(prepared)
    assert found_curves["loss"][-1] < found_curves["loss"][0]
    np.testing.assert_allclose(found_curves["val_perplexity"], np.exp(found_curves["val_loss"]), rtol=1e-4)
    assert not list((prepared.folder / "Trainer" / "checkpoints").glob("*"))
    kept = samples_of(prepared)
    assert [row["temperature"] for row in kept] == [0.0, 0.0, 0.5, 0.5, 0.8, 0.8, 1.0, 1.0]
    assert {row["prompt"] for row in kept} == {"", "The music is dull.<br />That"}
    assert all(0 < row["tokens"] <= samples.TOKENS for row in kept)

    truth = contract.transformed(prepared, "valid")
    expected = numpy_likelihood(module, {name: tf.constant(value) for name, value in truth.items()})
    begun = signatures["generate"](wish(["The", ""], 5))
    more = wish([], 7, temperature=0.5, top_k=3, seed=2)
    given = {
        "generate": wish(["The", ""], 5),
        "continue": {name: begun[name].numpy() for name in ("state", "last", "place")}
        | {name: value for name, value in more.items() if name != "prompt"},
    }
    made = {
        "generate": begun,
        "continue": signatures["continue"](
            {name: tf.constant(value) for name, value in given["continue"].items()}
        ),
    }
    found = contract.answers(prepared.model_dir(), prepared.raw["valid"], prepared.folder, given)
    for signature in ("serving_examples", "serving_default"):
        contract.assert_equal(found[signature], expected)
        contract.assert_equal(
            found[f"{signature} of one"], {name: value[:1] for name, value in expected.items()}
        )
    contract.assert_equal(found["transform_features"], truth)
    for signature, answers in made.items():
        contract.assert_equal(found[signature], {name: value.numpy() for name, value in answers.items()})
    in_a_session = contract.answers_of_a_session(
        prepared.model_dir(), "serving_examples", prepared.raw["valid"]
    )
    contract.assert_equal(in_a_session, expected)

    measured = contract.evaluate(prepared, prepared.model_dir(), "valid")[""]
    assert measured["example_count"] == len(prepared.raw["valid"])
    perplexity = np.exp(-expected["log_likelihood"].sum() / expected["tokens"].sum())
    assert measured["perplexity"] == pytest.approx(perplexity, rel=1e-5)

    served = contract.serve(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    assert served.failures == []
    assert served.not_checked == {}
    assert {name: feed.kind for name, feed in served.feeds.items()} == {
        "continue": "requests",
        "generate": "requests",
        "serving_default": "features",
        "serving_examples": "examples",
        "transform_features": "examples",
    }
    return found


SMALL: dict[str, dict[str, Any]] = {
    "gru": {"model": {"layers": 2, "dropout": 0.1}},
    "lstm": {
        "model": {"architecture": "lstm", "embedding": 8},
        "features": {"tokenizer": {"kind": "words", "min_frequency": 1}, "whole_texts": True},
    },
    "transformer": {"model": {"architecture": "transformer", "heads": 2, "max_tokens": 400}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tmp_path, config(**SMALL[name], training={"samples": 2}))
    found = keep(prepared, monkeypatch)
    assert found["generate"]["place"].tolist() == found["generate"]["tokens"].tolist()


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    prepared = prepare(tmp_path_factory.mktemp("reviews"), config(training={"epochs": 4}))
    language_model.run_fn(prepared.fn_args())
    return prepared


@pytest.fixture(scope="module")
def model(reviews: contract.Prepared) -> Any:
    return tf.saved_model.load(reviews.model_dir())


def ask(model: Any, signature: str, asked: dict[str, Any]) -> dict[str, np.ndarray]:
    fed = {name: tf.constant(value) for name, value in asked.items()}
    return {name: value.numpy() for name, value in model.signatures[signature](**fed).items()}


def test_the_model_carries_requests_that_hold_no_text_of_the_data(
    reviews: contract.Prepared, model: Any
) -> None:
    asked = contract.requests_in(reviews.model_dir())
    assert {signature: len(requests) for signature, requests in asked.items()} == {
        "generate": 3,
        "continue": 3,
    }
    begun = [
        ask(model, "generate", {**request, "prompt": np.array([""], object)}) for request in asked["generate"]
    ]
    for request, goes_on, found in zip(asked["generate"], asked["continue"], begun, strict=True):
        assert request["prompt"].tolist() == found["text"].tolist()
        assert request["length"].tolist() == goes_on["length"].tolist() == [8]
        np.testing.assert_allclose(goes_on["state"], found["state"], rtol=1e-5, atol=1e-5)
        assert [goes_on[name].tolist() for name in ("last", "place")] == [
            found[name].tolist() for name in ("last", "place")
        ]


def in_pieces(model: Any, prompts: list[str], lengths: list[int], **changes: Any) -> list[bytes]:
    """The prompts and what several calls add to them."""
    found = ask(model, "generate", wish(prompts, lengths[0], **changes))
    text = found["text"].tolist()
    for length in lengths[1:]:
        asked = {name: found[name] for name in ("state", "last", "place")}
        how = {name: value for name, value in wish([], length, **changes).items() if name != "prompt"}
        found = ask(model, "continue", {**asked, **how})
        text = [before + more for before, more in zip(text, found["continuation"], strict=True)]
    return text


def test_padding_changes_no_likelihood_and_an_empty_text_has_one(model: Any) -> None:
    texts = ["The film", "", "🙂 ¿qué?", "Its ending is great. " * 200]
    together = ask(model, "serving_default", {"text": texts})
    assert together["tokens"].tolist() == [8, 0, 7, 4200]
    assert together["log_likelihood"][1] == 0
    for row, text in enumerate(texts):
        alone = ask(model, "serving_default", {"text": [text]})
        np.testing.assert_allclose(alone["log_likelihood"][0], together["log_likelihood"][row], rtol=1e-5)


def test_a_long_text_is_as_probable_as_its_characters_one_after_the_other(model: Any) -> None:
    text = "The film is great. That scene is dull! " * 5
    whole = ask(model, "serving_default", {"text": [text]})["log_likelihood"][0]
    steps = [ask(model, "serving_default", {"text": [text[:n]]})["log_likelihood"][0] for n in (40, 41, 120)]
    assert whole < steps[2] < steps[1] < steps[0] < 0


def test_generate_goes_on_with_the_prompt(model: Any) -> None:
    found = ask(model, "generate", wish(["The film", "", "漢字 ¿The"], 30))
    assert found["tokens"].tolist() == [30, 30, 30]
    for prompt, text, continuation in zip(
        ("The film", "", "漢字 ¿The"), found["text"], found["continuation"], strict=True
    ):
        assert text.decode() == prompt + continuation.decode()
        assert len(continuation.decode()) == 30
    again = ask(model, "generate", wish(["The film"], 30))
    assert again["text"][0] == found["text"][0]
    other = ask(model, "generate", wish(["The film"], 30, seed=2))
    assert other["text"][0] != found["text"][0]


def test_many_calls_make_the_text_of_one(model: Any) -> None:
    prompts = ["The film", "", "漢字 ¿The"]
    for changes in ({}, {"temperature": 0.5, "top_k": 5, "seed": 9}, {"temperature": 0.0}):
        whole = ask(model, "generate", wish(prompts, 50, **changes))["text"].tolist()
        assert in_pieces(model, prompts, [1, 20, 0, 29], **changes) == whole


def test_the_likelihood_of_the_continuation_is_that_of_the_text_without_the_prompt(model: Any) -> None:
    found = ask(model, "generate", wish(["The film is"], 60, temperature=0.7))
    scored = ask(model, "serving_default", {"text": [found["text"][0], b"The film is"]})
    expected = scored["log_likelihood"][0] - scored["log_likelihood"][1]
    np.testing.assert_allclose(found["log_likelihood"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 10_001}, "length: a call makes 10000 tokens at most; go on with continue"),
        ({"length": -1}, "length: must not be negative"),
        ({"temperature": -0.5}, "temperature: must not be negative"),
        ({"temperature": float("nan")}, "temperature: must not be negative"),
    ],
)
def test_what_cannot_be_generated(model: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(model, "generate", wish(["a"], **changes))


def test_the_loops_run_in_the_graph(model: Any) -> None:
    for signature in ("generate", "continue", "serving_default"):
        graph = model.signatures[signature].graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        assert {"While", "StatelessWhile"} & {node.op for node in nodes}
        assert not [node.name for node in nodes if node.op in ("PyFunc", "EagerPyFunc")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "tokenizer", [{"kind": "words", "lowercase": True}, {"kind": "subwords", "size": 60}]
)
def test_pieces_of_words_read_as_one_text(tokenizer: dict[str, Any], tmp_path: Path) -> None:
    features = {"tokenizer": {"min_frequency": 2, **tokenizer}, "whole_texts": True}
    prepared = prepare(tmp_path, config(features=features, training={"epochs": 4}))
    language_model.run_fn(prepared.fn_args())
    model = tf.saved_model.load(prepared.model_dir())
    prompts = ["The film is", "The film is ", "", "Unheard-of 🙂"]
    for seed in range(5):
        found = ask(model, "generate", wish(prompts, 24, seed=seed))
        assert in_pieces(model, prompts, [1, 3, 5, 15], seed=seed) == found["text"].tolist()
        for prompt, text in zip(prompts, found["text"], strict=True):
            added = text.decode().removeprefix(prompt)
            assert text.decode() == prompt + added
            assert "[" not in added
            assert "⁇" not in added
            assert "  " not in text.decode()


def test_a_killed_training_ends_with_the_same_weights(
    reviews: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom_config = config(model={"dropout": 0.2}, training={"epochs": 3})
    with contract.killed_after(2):
        language_model.run_fn(reviews.fn_args("killed", custom_config=custom_config))
    contract.export_nothing(monkeypatch)
    found = {}
    for run in ("resumed", "unbroken"):
        language_model.run_fn(reviews.fn_args(run, custom_config=custom_config))
        found[run] = reviews.weights(run)
    assert curves(reviews, "resumed")["resumed_after_epoch"] == 2
    for resumed, unbroken in zip(found["resumed"], found["unbroken"], strict=True):
        np.testing.assert_allclose(resumed, unbroken, rtol=1e-4, atol=1e-5)


def test_warm_start_goes_on_from_the_last_blessed_model(
    reviews: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_model = reviews.model_dir()
    contract.export_nothing(monkeypatch)

    def run(name: str, **sections: Any) -> dict[str, Any]:
        changed = config(**sections)
        changed["training"] |= {"epochs": 1, "warm_start": True}
        arguments = reviews.fn_args(name, custom_config=changed, base_model=base_model)
        language_model.run_fn(arguments)
        return curves(reviews, name)

    first = curves(reviews)["val_loss"]
    assert run("warm")["val_loss"][0] < (first[0] + min(first)) / 2
    with pytest.raises(BadInput, match=r"warm_start: the last blessed model does not fit"):
        run("misfit", model={"units": 8})


@pytest.mark.parametrize(
    ("custom_config", "features", "message"),
    [
        (config("binary"), {}, "takes task language_model, not binary"),
        (config(labels=["a"]), {}, "a language model has no label, got a"),
        (config(features={"column": "other"}), {}, r"no column 'other' \(they have text\)"),
        (config(), {"text": tf.constant([[1.0]])}, "column 'text' is float32: .* takes text"),
    ],
)
def test_columns_and_tasks_that_do_not_fit(
    custom_config: dict[str, Any], features: dict[str, tf.Tensor], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        language_model.preprocessing_fn({"text": tf.constant([["a"]]), **features}, custom_config)
