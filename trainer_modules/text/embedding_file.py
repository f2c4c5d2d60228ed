"""Pretrained vectors of tokens: GloVe's text format, word2vec's (a first line with two counts), or .npy with a list."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import BadInput
from trainer_modules.text.tokenizer_config import RESERVED

_SPACE = "▁"


def read(
    path: str, names: Sequence[str], seed: int, vocabulary: str | None = None, width: int | None = None
) -> tuple[np.ndarray, float]:
    """Return a vector for each name, float32 [names, E], and the share of the names that the file has.

    Names are those of a tokenizer, the reserved ones first; a name that the file lacks gets a random vector with the
    file's mean and deviation, padding zeros. A subword is looked up without the mark of its space.

    Raises:
      BadInput: no such file, a line that is none, or vectors that do not have `width` numbers.
    """
    wanted: dict[bytes, list[int]] = {}
    for i, name in enumerate(names[RESERVED:], start=RESERVED):
        wanted.setdefault(name.removeprefix(_SPACE).encode(), []).append(i)
    rows = _of_array(path, vocabulary) if vocabulary else _of_text(path, wanted)
    found: dict[int, np.ndarray] = {}
    for token, vector in rows:
        for i in wanted.get(token, ()):
            found.setdefault(i, vector)
    if not found:
        raise BadInput(f"trainer.model.vectors.file: {path} has no vector for any of {len(wanted)} tokens")
    known = np.stack(list(found.values())).astype(np.float32)
    if width is not None and known.shape[1] != width:
        raise BadInput(
            f"trainer.model.embedding is {width}, the vectors of {path} have {known.shape[1]} numbers: leave it out"
        )
    random = np.random.default_rng(seed)
    vectors = random.normal(known.mean(), known.std(), (len(names), known.shape[1])).astype(np.float32)
    vectors[0] = 0
    vectors[list(found)] = known
    tokens = len(names) - RESERVED
    share = len(found) / tokens
    logging.info("%s has vectors of %d of %d tokens (%.1f%%)", path, len(found), tokens, 100 * share)
    return vectors, share


def _open(path: str) -> Any:
    try:
        return gzip.open(path, "rb") if path.endswith(".gz") else Path(path).open("rb")
    except OSError as error:
        raise BadInput(f"trainer.model.vectors: {path}: {error.strerror}") from error


def _of_text(path: str, wanted: dict[bytes, list[int]]) -> Iterator[tuple[bytes, np.ndarray]]:
    """The lines of wanted tokens; a token may hold spaces, as some of GloVe's do."""
    with _open(path) as file:
        width = None
        for number, line in enumerate(file, start=1):
            parts = line.rstrip().split(b" ")
            if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                width = int(parts[1])
                continue
            width = width or len(parts) - 1
            token = b" ".join(parts[:-width])
            if width < 1 or not token:
                raise BadInput(
                    f"{path}:{number}: a token and {width} numbers are expected, found {len(parts)} fields"
                )
            if token not in wanted:
                continue
            try:
                yield token, np.array(parts[-width:], np.float32)
            except ValueError:
                raise BadInput(
                    f"{path}:{number}: {token.decode(errors='replace')!r} has a field that is no number"
                ) from None


def _of_array(path: str, vocabulary: str) -> Iterator[tuple[bytes, np.ndarray]]:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"trainer.model.vectors.file: {path}: {error}") from error
    with _open(vocabulary) as file:
        tokens = file.read().splitlines()
    if vectors.ndim != 2 or len(vectors) != len(tokens):
        raise BadInput(
            f"trainer.model.vectors: {path} has shape {list(vectors.shape)}, {vocabulary} {len(tokens)} lines: "
            "one line for each row is expected"
        )
    return zip(tokens, vectors, strict=True)
