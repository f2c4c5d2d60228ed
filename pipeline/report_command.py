"""`mlpipe report`: a run as one HTML page, or its model card as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common import whole_file
from common.errors import BadInput, UserError
from pipeline import home as home_module
from pipeline.target_flags import HomeOption


def report(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that has run.")],
    run: Annotated[
        str, typer.Argument(help="Which run; as for compare. The latest on unseen data: evaluation.")
    ] = "last",
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write [default: reports/P/RUN.html in the home].")
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="Print the model card alone, as Markdown.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    home: HomeOption = None,
) -> None:
    """Write the report of a run: verdict, DAG, data, training, evaluation, in one HTML file that needs no network."""
    from pipeline import metadata, reconcile, wording
    from reports import run_facts, run_report
    from reports.run import card as model_card

    found = home_module.find(home)
    store = metadata.open_store(found)
    reconcile.with_evaluations(store, found, pipeline)
    facts = run_facts.find(found, pipeline, run, store)
    if card and facts.is_evaluation:
        raise BadInput(
            f"run {facts.id} evaluates a model on unseen data: models have cards, ask for a training run's"
        )
    if card and to is None:
        print(model_card.markdown(facts), end="")
        return
    path = to or run_report.path(facts)
    try:
        if card:
            whole_file.write_text(path, model_card.markdown(facts))
        else:
            run_report.write(facts, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    print(wording.display(path))
    if open_:
        typer.launch(path.absolute().as_uri())
