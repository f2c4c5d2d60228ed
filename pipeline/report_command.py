"""`mlpipe report`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from pipeline import home as home_module
from pipeline.target_flags import HomeOption


def report(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that has run.")],
    run: Annotated[str, typer.Argument(help="Which run; as for compare.")] = "last",
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write [default: reports/P/RUN.html in the home].")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    home: HomeOption = None,
) -> None:
    """Write the report of a run: verdict, DAG, data, training, evaluation, in one HTML file that needs no network."""
    from pipeline import metadata, reconcile, wording
    from reports import run_facts, run_report

    found = home_module.find(home)
    store = metadata.open_store(found)
    reconcile.reconcile(store, found, pipeline)
    facts = run_facts.find(found, pipeline, run, store)
    path = to or run_report.path(found, facts.pipeline, facts.id)
    try:
        run_report.write(facts, path)
    except OSError as error:
        raise UserError(f"{path}: the report cannot be written: {error.strerror or error}") from None
    print(wording.display(path))
    if open_:
        typer.launch(path.absolute().as_uri())
