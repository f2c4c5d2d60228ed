"""The commands `generate` and `translate`: what only models of texts do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import home as home_module
from pipeline.target_flags import HomeOption, with_target


@with_target
def generate(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that pushed a language model.")],
    prompt: Annotated[str, typer.Option("--prompt", help="The text that it goes on with.")] = "",
    length: Annotated[int, typer.Option("--length", min=0, help="Tokens that are added at most.")] = 200,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, help="Below 1 is safer, 0 the most probable text.")
    ] = 1.0,
    top_k: Annotated[
        int, typer.Option("--top-k", min=0, help="Of the most probable tokens alone; 0: of all.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another text.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="Show the text while it is made.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a line for each piece.")] = False,
    *,
    target: Any,
    home: HomeOption = None,
) -> None:
    """Let a pushed language model go on with a text: over a server that runs (mlpipe serve), or --local."""
    from pipeline import generate, show_predictions

    wish = generate.Wish(length, temperature, top_k, seed)
    piece = {"piece": generate.PIECE} if stream else {}
    pieces = generate.generate(pipeline, prompt, wish, target, home_module.find(home), **piece)
    if as_json:
        show_predictions.show_json(pieces if stream else [generate.whole(prompt, pieces)])
    else:
        show_predictions.show_text(prompt, pieces)


@with_target
def translate(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that pushed a translator.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; none: the lines of standard input.")
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam", min=1, max=32, help="Width of the search, 1 is greedy [default: the model's]."
        ),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option("--length-penalty", min=0, help="Larger ones favour long texts [default: the model's]."),
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            "--attention",
            help="Draw what it looked at: FILE.png (.svg, .pdf), or FILE-1.png, ... for several texts.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a line for each text.")] = False,
    *,
    target: Any,
    home: HomeOption = None,
) -> None:
    """Let a pushed model translate texts: over a server that runs (mlpipe serve), or --local."""
    from pipeline import show_predictions, translate

    lines = texts or (line.rstrip("\n") for line in sys.stdin)
    wish = translate.Wish(beam, length_penalty)
    # Who types is answered line by line.
    at_once = 1 if not texts and sys.stdin.isatty() else translate.AT_ONCE
    answers = translate.translate(pipeline, lines, wish, target, home_module.find(home), at_once)
    if attention is not None:
        answers = translate.drawn(answers, attention, several=not texts or len(texts) > 1)
    if as_json:
        show_predictions.show_json(answers)
    else:
        show_predictions.show_column("translation", answers)
