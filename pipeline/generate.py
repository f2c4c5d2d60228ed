"""Asks a pushed language model to go on with a text, at once or piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import BadInput
from pipeline import predict
from pipeline.home import Home
from pipeline.model_inputs import Row
from pipeline.predict import Target
from trainer_modules.language_model_config import MOST_TOKENS

BEGIN, GO_ON = "generate", "continue"
CARRIED = ("state", "last", "place")
"""Outputs that the next call takes."""
PIECE = 8
"""Tokens of a piece that is shown as soon as it is made."""


@dataclass(frozen=True)
class Wish:
    """How a text is to go on; a temperature of 0 takes the most probable token each time, top_k 0 looks at all."""

    length: int
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0


def generate(
    pipeline: str, prompt: str, wish: Wish, target: Target, home: Home, piece: int = MOST_TOKENS
) -> Iterator[Row]:
    """What is added to the prompt: rows of `continuation`, `log_likelihood` and `tokens`, one for each piece.

    A piece has `piece` tokens; all pieces together are the same text whatever their size. They end after `wish.length`
    tokens, or where the model ends the text.

    Raises BadInput: the model does not generate, or an unknown version; UserError: no server.
    """
    model = predict.model_of(pipeline, target, home)
    if not {BEGIN, GO_ON} <= set(model.signatures):
        raise BadInput(
            f"{model.name} generates no text: it has no signatures {BEGIN} and {GO_ON}, but"
            f" {', '.join(sorted(model.signatures))}"
        )
    how: Row = {"temperature": wish.temperature, "top_k": wish.top_k, "seed": wish.seed}
    missing, signature, given = wish.length, BEGIN, {"prompt": prompt}
    while missing > 0:
        length = min(piece, missing, MOST_TOKENS)
        [answer] = model.predict([{**given, "length": length, **how}], signature)
        yield {name: answer[name] for name in ("continuation", "log_likelihood", "tokens")}
        missing = missing - length if answer["tokens"] == length else 0
        signature, given = GO_ON, {name: answer[name] for name in CARRIED}


def whole(prompt: str, pieces: Iterator[Row]) -> Row:
    """All pieces as one: `text`, `continuation`, `log_likelihood` and `tokens`."""
    listed = list(pieces)
    continuation = "".join(piece["continuation"] for piece in listed)
    return {
        "text": prompt + continuation,
        "continuation": continuation,
        "log_likelihood": sum(piece["log_likelihood"] for piece in listed),
        "tokens": sum(piece["tokens"] for piece in listed),
    }
