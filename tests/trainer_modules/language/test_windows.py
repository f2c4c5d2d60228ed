from __future__ import annotations

import numpy as np

from trainer_modules.language import windows
from trainer_modules.language.windows import Windows

TEXTS = [[10, 11, 12, 13, 14, 15, 16], [], [20], [30, 31, 32, 33]]
START = 2
ALL = sorted(token for text in TEXTS for token in text)


def cut(longest: int = 3) -> Windows:
    ids = np.concatenate([np.array([START, *text], np.int32) for text in TEXTS])
    return windows.cut(ids, np.array([len(text) for text in TEXTS]), longest, size=40)


def test_windows_hold_every_token_once_each_after_what_comes_before_it() -> None:
    found = cut()
    assert found.count == 6
    assert found.lengths.tolist() == [3, 2, 2, 1, 2, 2]
    seen, follows = [], []
    for tokens, after, weights in found.batches(1).as_numpy_iterator():
        assert weights.tolist() == [[1.0] * tokens.shape[1]]
        seen.append(tokens[0].tolist())
        follows.append(after[0].tolist())
    pairs = {
        before: after
        for row, then in zip(seen, follows, strict=True)
        for before, after in zip(row, then, strict=True)
    }
    assert sorted(token for row in follows for token in row) == ALL
    assert [row[0] for row in seen].count(START) == 3
    for before, after in pairs.items():
        assert before == START or after == before + 1


def test_padding_weighs_nothing() -> None:
    [(seen, follows, weights)] = list(cut().batches(6).as_numpy_iterator())
    assert ((follows == 0) == (weights == 0)).all()
    assert (seen[weights > 0] != 0).all()
    assert weights.sum() == 12


def test_training_goes_on_with_the_batches_that_it_would_have_seen() -> None:
    found = cut()
    whole = [batch[1].tolist() for batch in found.training_batches(2, 7).take(9).as_numpy_iterator()]
    rest = [batch[1].tolist() for batch in found.training_batches(2, 7, 4).take(5).as_numpy_iterator()]
    assert rest == whole[4:]
    epoch = sorted(token for batch in whole[:3] for row in batch for token in row if token)
    assert epoch == ALL


def test_many_ids_are_scored_a_few_windows_at_a_time() -> None:
    large = Windows(cut().ids, cut().starts, cut().lengths, size=2**24)
    assert [batch[0].shape[0] for batch in large.batches(6).as_numpy_iterator()] == [1] * 6


def test_no_text() -> None:
    found = windows.cut(np.zeros(0, np.int32), np.zeros(0, np.int64), 3, size=5)
    assert found.count == 0
