"""`mlpipe evaluate` and `mlpipe loop`: models on data that they never saw."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipeline import home as home_module
from pipeline.target_flags import HomeOption

PipelineArgument = Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a configuration value: --set evaluation.min_slice_examples=50."),
]


def evaluate(
    pipeline: PipelineArgument,
    data: Annotated[
        str | None, typer.Option("--data", help="File, folder, glob or pattern that the model never saw.")
    ] = None,
    span: Annotated[
        int | None, typer.Option("--span", min=0, help="A span of the pipeline's own data instead.")
    ] = None,
    model: Annotated[int | None, typer.Option("--model", help="Pushed version [default: the last].")] = None,
    artifact: Annotated[
        int | None, typer.Option("--artifact", help="Any Model artifact, by its id in ML Metadata.")
    ] = None,
    against: Annotated[
        Literal["pushed"], typer.Option("--against", help="The model that was pushed last: the default.")
    ] = "pushed",
    set_: SetOption = None,
    run_id: Annotated[str | None, typer.Option("--run-id", hidden=True)] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another evaluation of this pipeline to end.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Judge a pushed model on unseen data: schema, drift from its training data, metrics, a verdict."""
    from pipeline import config
    from pipeline.unseen import evaluate

    del against
    question = evaluate.Question(data, span, model, artifact, run_id, wait)
    evaluate.evaluate(config.load(pipeline, set_ or ()), home_module.find(home), question)


def loop(
    pipeline: PipelineArgument,
    once: Annotated[bool, typer.Option("--once", help="Treat the spans that are there, and end.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Tell what was decided so far, and end.")
    ] = False,
    set_: SetOption = None,
    home: HomeOption = None,
) -> None:
    """Wait for new spans: judge the pushed model on each, train anew by the configured rule, push or explain."""
    from pipeline import metadata, served
    from pipeline.loop import loop

    found = home_module.find(home)
    if history:
        for line in loop.history(metadata.open_store(found), served.name_of(pipeline)):
            print(line)
        return
    loop.loop(pipeline, set_ or (), found, once)


COMMANDS = (evaluate, loop)
