from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from trainer_modules.text import network
from trainer_modules.text.encoders.config import EncoderConfig

FORMS: list[dict[str, Any]] = [
    {"architecture": "average", "hidden": 5},
    {"architecture": "gru"},
    {"architecture": "gru", "bidirectional": True, "layers": 2, "pooling": "max"},
    {"architecture": "lstm", "pooling": "mean"},
    {"architecture": "bilstm"},
    {"architecture": "stacked_lstm"},
    {"architecture": "stacked_lstm", "bidirectional": True},
    {"architecture": "textcnn"},
    {"architecture": "textcnn", "widths": (1, 7)},
    {"architecture": "transformer", "heads": 2},
    {"architecture": "transformer", "heads": 2, "norm": "post", "positions": "learned", "pooling": "max"},
]


def build(form: dict[str, Any], scores: int = 3) -> keras.Model:
    keras.utils.set_random_seed(3)
    sizes = {"embedding": 8} | ({} if form["architecture"] in ("average", "transformer") else {"units": 6})
    return network.build(EncoderConfig(**sizes, **form), 30, scores)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(map(str, form.values())))
def test_padding_never_changes_an_answer(form: dict[str, Any]) -> None:
    model = build(form)
    texts = [[7], [4, 5, 6, 7, 8, 9], [], [29] * 11, [5, 5]]
    alone = [np.array([text or [0]], np.int32) for text in texts]
    together = np.zeros((len(texts), 40), np.int32)
    for row, text in enumerate(texts):
        together[row, : len(text)] = text
    answers = np.asarray(model(together, training=False))
    assert np.isfinite(answers).all()
    for row, text in enumerate(alone):
        np.testing.assert_allclose(np.asarray(model(text, training=False))[0], answers[row], atol=1e-5)
    assert np.abs(answers[0] - answers[1]).max() > 1e-4


@pytest.mark.parametrize("name", ["gru", "lstm", "textcnn", "transformer"])
def test_all_but_the_average_see_the_order(name: str) -> None:
    model = build({"architecture": name})
    one, other = (np.asarray(model(np.array([text], np.int32))) for text in ([4, 9, 17, 5], [5, 17, 9, 4]))
    assert np.abs(one - other).max() > 1e-5


def test_the_average_is_the_mean_of_the_embeddings() -> None:
    model = build({"architecture": "average"})
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("logits").weights)
    table = np.asarray(model.get_layer("embedding").embeddings)
    expected = (table[4] + table[4] + table[9]) / 3 @ kernel + bias
    np.testing.assert_allclose(
        np.asarray(model(np.array([[4, 4, 9, 0, 0]], np.int32)))[0], expected, atol=1e-6
    )
    np.testing.assert_allclose(np.asarray(model(np.zeros([1, 2], np.int32)))[0], bias, atol=1e-6)


def test_textcnn_takes_the_largest_answer_of_each_filter() -> None:
    model = build({"architecture": "textcnn", "widths": (2,), "dropout": 0.0})
    filters, bias = (np.asarray(weight) for weight in model.get_layer("filters_2").weights)
    table = np.asarray(model.get_layer("embedding").embeddings)
    padded = np.stack([table[4], table[9], np.zeros(8)])
    answers = np.stack([np.einsum("te,teu->u", padded[i : i + 2], filters) + bias for i in range(2)])
    features = np.maximum(answers, 0).max(axis=0)
    kernel, shift = (np.asarray(weight) for weight in model.get_layer("logits").weights)
    np.testing.assert_allclose(
        np.asarray(model(np.array([[4, 9, 0, 0, 0]], np.int32)))[0], features @ kernel + shift, atol=1e-6
    )


@pytest.mark.parametrize(
    ("form", "parameters"),
    [
        # Embedding 30 * 8 = 240, answer 3 * (features + 1).
        ({"architecture": "average"}, 240 + 3 * 9),
        ({"architecture": "lstm"}, 240 + 4 * 6 * (8 + 6 + 1) + 3 * 7),
        ({"architecture": "bilstm"}, 240 + 2 * 4 * 6 * (8 + 6 + 1) + 3 * 13),
        ({"architecture": "stacked_lstm"}, 240 + 4 * 6 * (8 + 6 + 1) + 4 * 6 * (6 + 6 + 1) + 3 * 7),
        ({"architecture": "gru"}, 240 + 3 * 6 * (8 + 6 + 2) + 3 * 7),
        ({"architecture": "textcnn"}, 240 + 6 * 8 * (3 + 4 + 5) + 18 + 3 * 19),
        # A layer: 4 projections of 8 * 8 + 8, 8 * 32 + 32, 32 * 8 + 8, two norms of 16; one norm at the end.
        ({"architecture": "transformer", "layers": 1}, 240 + 4 * 72 + 288 + 264 + 32 + 16 + 3 * 9),
    ],
)
def test_parameters(form: dict[str, Any], parameters: int) -> None:
    assert build(form).count_params() == parameters


def test_sinusoids_of_the_paper() -> None:
    from trainer_modules.text.encoders.transformer import Positions

    added = np.asarray(Positions("sinusoidal", 10)(np.zeros([1, 4, 6], np.float32)))[0]
    for position in range(4):
        for i in range(3):
            angle = position / 10_000 ** (2 * i / 6)
            assert added[position, 2 * i] == pytest.approx(np.sin(angle), abs=1e-6)
            assert added[position, 2 * i + 1] == pytest.approx(np.cos(angle), abs=1e-6)
