from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sacrebleu
import tensorflow as tf

from common.errors import BadInput
from tests.trainer_modules import contract
from tests.trainer_modules.translation import dates
from trainer_modules import sequence_to_sequence
from trainer_modules.common import export
from trainer_modules.translation.export import TranslationModule

CHARACTERS = {"kind": "characters", "min_frequency": 1}


def config(task: str = "translation", **sections: Any) -> dict[str, Any]:
    features = {
        "source_tokenizer": CHARACTERS,
        "target_tokenizer": CHARACTERS,
        **sections.pop("features", {}),
    }
    model = {"units": 12, "max_source": 30, "max_target": 12, "beam": 3, **sections.pop("model", {})}
    training = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, **sections.pop("training", {})}
    return {
        "task": task,
        "labels": ["target"],
        "features": features,
        "model": model,
        "training": {"samples": 5, **training},
        **sections,
    }


def prepare(
    folder: Path, custom_config: dict[str, Any], valid: pd.DataFrame | None = None
) -> contract.Prepared:
    splits = {"train": dates.frame(64), "valid": dates.frame(12, seed=1) if valid is None else valid}
    return contract.prepare(folder, splits, sequence_to_sequence.preprocessing_fn, custom_config)


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


def keep(prepared: contract.Prepared, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, np.ndarray]]:
    """Assert the contract of trainer modules, and return the answers of every signature on the `valid` split."""
    exported: list[TranslationModule] = []
    save = export.save

    def spy(module: TranslationModule, *args: Any, **kwargs: Any) -> None:
        exported.append(module)
        save(module, *args, **kwargs)

    monkeypatch.setattr(export, "save", spy)
    sequence_to_sequence.run_fn(prepared.fn_args())
    found_curves = curves(prepared)
    assert found_curves["loss"][-1] < found_curves["loss"][0]
    assert not list((prepared.folder / "Trainer" / "checkpoints").glob("*"))

    module, truth = exported[0], contract.transformed(prepared, "valid")
    features = {name: tf.constant(value) for name, value in truth.items()}
    judged, translated = (
        {name: value.numpy() for name, value in answer(features).items()}
        for answer in (module.judge, module.translate_texts)
    )
    np.testing.assert_array_equal(judged["translation"], translated["translation"])
    np.testing.assert_allclose(judged["score"], translated["score"], rtol=1e-5)
    found = contract.answers(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    for signature, expected in (("serving_examples", judged), ("serving_default", translated)):
        contract.assert_equal(found[signature], expected)
        one = {name: value[:1] for name, value in expected.items()}
        contract.assert_equal(found[f"{signature} of one"], one)
    contract.assert_equal(found["transform_features"], truth)
    in_a_session = contract.answers_of_a_session(
        prepared.model_dir(), "serving_examples", prepared.raw["valid"]
    )
    contract.assert_equal(in_a_session, judged)

    texts, references = (
        [value.decode() for value in column] for column in (judged["translation"], truth["target_xf"])
    )
    measured = contract.evaluate(prepared, prepared.model_dir(), "valid")[""]
    assert measured["example_count"] == len(texts)
    assert measured["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [references]).score, rel=1e-5)

    served = contract.serve(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    assert served.failures == []
    assert set(served.feeds) == {"serving_default", "serving_examples", "transform_features", "translate"}
    assert served.not_checked == {}
    return found


SMALL: dict[str, dict[str, Any]] = {
    "gru": {"attention": "dot"},
    "lstm": {"cell": "lstm", "attention": "additive", "layers": 2, "beam": 1},
    "multiplicative": {"attention": "multiplicative", "bidirectional": False},
    "transformer": {"architecture": "transformer", "heads": 2, "layers": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tmp_path, config(model=SMALL[name]))
    answers = keep(prepared, monkeypatch)
    asked = answers["translate"]
    source, target = asked["source_tokens"], asked["target_tokens"]
    assert asked["attention"].shape == (12, target.shape[1], source.shape[1])
    for row, date in enumerate(dates.frame(12, seed=1)["source"]):
        spelt = [token.decode() for token in source[row] if token]
        assert spelt == [*date, "[END]"]
        said = [token.decode() for token in target[row] if token]
        assert "".join(said) == asked["translation"][row].decode() + "[END]"
        weights = asked["attention"][row, : len(said), : len(spelt)]
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
        assert asked["attention"][row].sum() == pytest.approx(len(said), rel=1e-5)
    kept = json.loads((tmp_path / "Trainer" / "model_run" / "1" / "translations.json").read_text())
    assert kept["sentences"] == len(kept["samples"]) == 5
    assert kept["search_at_fault"] + kept["model_at_fault"] == round(5 * (1 - kept["exact_match"]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    prepared = prepare(tmp_path_factory.mktemp("dates"), config(training={"epochs": 6, "samples": 0}))
    sequence_to_sequence.run_fn(prepared.fn_args())
    return prepared


@pytest.fixture(scope="module")
def signatures(exported: contract.Prepared) -> Any:
    loaded = tf.saved_model.load(exported.model_dir())
    # The functions live as long as what they were loaded with.
    return loaded, loaded.signatures


LONG = "Wednesday, September 30 2020"


def test_padding_changes_no_answer_and_an_empty_text_has_one(signatures: Any) -> None:
    answer = signatures[1]["serving_default"]
    short = ["1.2.1999", "", "🙂 ¿qué?", LONG * 20]
    together = {key: value.numpy() for key, value in answer(source=tf.constant([*short, LONG])).items()}
    for row, text in enumerate(short):
        alone = answer(source=tf.constant([text]))
        for name, value in together.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(alone[name][0], value[row], rtol=1e-5, atol=1e-5)
            else:
                assert alone[name].numpy()[0] == value[row]


def ask(signatures: Any, beam: list[int], penalty: list[float]) -> dict[str, np.ndarray]:
    answer = signatures[1]["translate"](
        source=tf.constant(["3 May 1984", LONG]),
        beam=tf.constant(beam, tf.int32),
        length_penalty=tf.constant(penalty, tf.float32),
    )
    return {name: value.numpy() for name, value in answer.items()}


def test_the_beam_and_the_penalty_are_the_callers(signatures: Any) -> None:
    as_configured = signatures[1]["serving_default"](source=tf.constant(["3 May 1984", LONG]))
    for beam, penalty in (([3], [0.6]), ([], []), ([0], [-1.0])):
        asked = ask(signatures, beam, penalty)
        np.testing.assert_array_equal(asked["translation"], as_configured["translation"])
        np.testing.assert_allclose(asked["score"], as_configured["score"], rtol=1e-5)
    wide, narrow = ask(signatures, [32], [0.0]), ask(signatures, [1], [0.0])
    assert (wide["score"] >= narrow["score"] - 1e-5).all()
    np.testing.assert_allclose(wide["score"], wide["log_likelihood"])
    np.testing.assert_array_equal(ask(signatures, [10**9], [0.0])["translation"], wide["translation"])


def test_a_missing_reference_has_no_likelihood(exported: contract.Prepared, signatures: Any) -> None:
    examples = [contract.example({"source": "3 May 1984"}), exported.raw["valid"][0]]
    found = signatures[1]["serving_examples"](tf.constant(examples))
    assert found["tokens"].numpy().tolist() == [0, 11]
    assert found["log_likelihood"].numpy()[0] == 0 > found["log_likelihood"].numpy()[1]


def test_the_loop_runs_in_the_graph(signatures: Any) -> None:
    graph = signatures[1]["serving_default"].graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert {"While", "StatelessWhile"} & {node.op for node in nodes}
    assert not [node.name for node in nodes if node.op in ("PyFunc", "EagerPyFunc")]


def test_a_killed_training_ends_with_the_same_weights(
    exported: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom_config = config(model={"dropout": 0.2}, training={"epochs": 3, "samples": 0})
    contract.export_nothing(monkeypatch)
    with contract.killed_after(2):
        sequence_to_sequence.run_fn(exported.fn_args("killed", custom_config=custom_config))
    found = {}
    for run in ("resumed", "unbroken"):
        sequence_to_sequence.run_fn(exported.fn_args(run, custom_config=custom_config))
        found[run] = exported.weights(run)
    assert curves(exported, "resumed")["resumed_after_epoch"] == 2
    for resumed, unbroken in zip(found["resumed"], found["unbroken"], strict=True):
        np.testing.assert_allclose(resumed, unbroken, rtol=1e-4, atol=1e-5)


def test_warm_start_goes_on_from_the_last_blessed_model(
    exported: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)

    def run(name: str, **sections: Any) -> dict[str, Any]:
        changed = config(**sections)
        changed["training"] |= {"epochs": 1, "warm_start": True, "samples": 0}
        arguments = exported.fn_args(name, custom_config=changed, base_model=exported.model_dir())
        sequence_to_sequence.run_fn(arguments)
        return curves(exported, name)

    first = curves(exported)["val_loss"]
    assert run("warm")["val_loss"][0] < (first[0] + min(first)) / 2
    with pytest.raises(BadInput, match=r"warm_start: the last blessed model does not fit"):
        run("misfit", model={"units": 8})


@pytest.mark.slow
def test_words_and_subwords(tmp_path: Path) -> None:
    features = {
        "source_tokenizer": {"kind": "subwords", "size": 60},
        "target_tokenizer": {"kind": "words", "min_frequency": 1},
    }
    prepared = prepare(tmp_path, config(features=features))
    sequence_to_sequence.run_fn(prepared.fn_args())
    loaded = tf.saved_model.load(prepared.model_dir())
    found = loaded.signatures["translate"](
        source=tf.constant(["3 May 1984"]), beam=tf.constant([2]), length_penalty=tf.constant([0.6])
    )
    pieces = [token.decode() for token in found["source_tokens"].numpy()[0]]
    assert "".join(pieces).replace("▁", " ").strip() == "3 May 1984[END]"
    assert (Path(prepared.model_dir()) / "assets" / "source_tokens.model").exists()


def inputs(**changes: Any) -> dict[str, tf.Tensor]:
    return {"source": tf.constant([["a"]]), "target": tf.constant([["b"]]), **changes}


@pytest.mark.parametrize(
    ("custom_config", "features", "message"),
    [
        (config("binary"), inputs(), "takes task translation, not binary"),
        (config(labels=["a", "b"]), inputs(), "takes one label, the target column; got 2: a, b"),
        (config(labels=["source"]), inputs(), "'source' is the label and trainer.features.source"),
        (config(labels=["other"]), inputs(), r"no column 'other' \(they have source, target\)"),
        (config(), inputs(source=tf.constant([[1.0]])), "column 'source' is float32: .* takes text"),
    ],
)
def test_columns_and_tasks_that_do_not_fit(
    custom_config: dict[str, Any], features: dict[str, tf.Tensor], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        sequence_to_sequence.preprocessing_fn(features, custom_config)
