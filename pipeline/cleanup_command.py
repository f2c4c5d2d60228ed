"""`mlpipe gc`: what takes room and nothing needs any more."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import home as home_module
from pipeline.target_flags import HomeOption


def gc(
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", help="Its name; can be left out when only one fits.")
    ] = None,
    keep_runs: Annotated[
        int, typer.Option("--keep-runs", min=1, help="How many of the latest runs stay.")
    ] = 5,
    delete: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Delete, or only show what would go.")
    ] = False,
    home: HomeOption = None,
    copies: Annotated[
        bool, typer.Option("--copies", help="Of what is in an object store, the local copies too.")
    ] = False,
) -> None:
    """Delete what no kept run and no served or blessed model needs; lineage still tells of it."""
    from pipeline import cleanup, companions, lock, metadata, reconcile, runs, show

    found = home_module.find(home)
    store = metadata.open_store(found)
    names = [runs.find_pipeline(store, pipeline)] if pipeline else metadata.pipelines(store)
    for name in companions.with_evaluations(names):
        if metadata.pipeline_context(store, name) is None:
            continue
        reconcile.reconcile(store, found, name)
        try:
            items = (cleanup.collect if delete else cleanup.plan)(store, found, name, keep_runs, not copies)
        except lock.Busy as error:
            if pipeline:
                raise
            show.show(f"left alone: {error}")
            continue
        show.show(*show.garbage(name, items, deleted=delete))
    if not delete:
        show.show("nothing was deleted: give --yes to delete")
