"""Asks a pushed translator, and draws what it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from common import attention_picture
from common.errors import BadInput
from pipeline import predict
from pipeline.home import Home
from pipeline.model_inputs import Row
from pipeline.predict import Target

SIGNATURE = "translate"
AT_ONCE = 16
"""Texts of a request."""
_NOTHING: Row = {
    "translation": "",
    "log_likelihood": 0.0,
    "score": 0.0,
    "attention": [],
    "source_tokens": [],
    "target_tokens": [],
}


@dataclass(frozen=True)
class Wish:
    """How translations are searched for; None leaves it to the model."""

    beam: int | None = None
    length_penalty: float | None = None


def translate(
    pipeline: str, texts: Iterable[str], wish: Wish, target: Target, home: Home, at_once: int = AT_ONCE
) -> Iterator[Row]:
    """A row for each text, in their order, as soon as `at_once` are there; a text of white space stays empty.

    It has `source`, `translation`, `log_likelihood`, `score`, `source_tokens`, `target_tokens` and `attention`, the
    weights of the source's tokens for each target token.

    Raises BadInput: the model does not translate, or an unknown version; UserError: no server.
    """
    model = predict.model_of(pipeline, target, home)
    if SIGNATURE not in model.signatures:
        raise BadInput(
            f"{model.name} translates nothing: it has no signature {SIGNATURE}, but"
            f" {', '.join(sorted(model.signatures))}"
        )
    how: Row = {
        "beam": 0 if wish.beam is None else wish.beam,
        "length_penalty": -1.0 if wish.length_penalty is None else wish.length_penalty,
    }
    (source,) = set(model.signatures[SIGNATURE].inputs) - set(how)
    left = iter(texts)
    while block := list(islice(left, at_once)):
        asked = [{source: text, **how} for text in block if text.strip()]
        answers = iter(model.predict(asked, SIGNATURE) if asked else [])
        for text in block:
            yield {"source": text, **(_without_padding(next(answers)) if text.strip() else _NOTHING)}


def drawn(answers: Iterable[Row], path: Path, several: bool) -> Iterator[Row]:
    """The same rows, the attention of each written as a picture to `path`, with -1, -2 in its name if `several`.

    Raises BadInput: the name has the suffix of no format that can be written.
    """
    if path.suffix.lower() not in attention_picture.FORMATS:
        raise BadInput(
            f"--attention {path}: no picture has this suffix; give one of {', '.join(attention_picture.FORMATS)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, answer in enumerate(answers, start=1):
        place = path.with_stem(f"{path.stem}-{number}") if several else path
        if answer["target_tokens"]:
            attention_picture.save(
                place, answer["source_tokens"], answer["target_tokens"], answer["attention"]
            )
        yield answer


def _without_padding(answer: Row) -> Row:
    source, target = ([token for token in answer[f"{side}_tokens"] if token] for side in ("source", "target"))
    attention = [weights[: len(source)] for weights in answer["attention"][: len(target)]]
    return {**answer, "source_tokens": source, "target_tokens": target, "attention": attention}
