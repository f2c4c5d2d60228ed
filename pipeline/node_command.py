"""`mlpipe node`: single components of a run, the units that orchestrators call."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(
    help="Single components of a run, for orchestrators: list them, run one.", rich_markup_mode=None
)


@app.command("list")
def list_(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a configuration value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the components of a pipeline in their order, each with those that it waits for."""
    from pipeline import config, node_list

    nodes = node_list.node_list(config.load(pipeline, set_ or ()))
    if as_json:
        print(json.dumps([dataclasses.asdict(node) for node in nodes], indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("node", "upstream"):
        table.add_column(column)
    for node in nodes:
        table.add_row(node.id, ", ".join(node.upstream))
    Console(highlight=False, soft_wrap=True).print(table)
