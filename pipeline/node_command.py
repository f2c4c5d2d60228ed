"""`mlpipe node`: single components of a run, the units that orchestrators call."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pipeline import home as home_module
from pipeline.target_flags import HomeOption

app = typer.Typer(
    help="Single components of a run, for orchestrators: list them, run one.", rich_markup_mode=None
)


PipelineArgument = Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")]
RunIdOption = Annotated[str, typer.Option("--run-id", help="The run; the same for all its components.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a configuration value; the same for all components of a run."),
]


@app.command()
def run(
    pipeline: PipelineArgument,
    node: Annotated[str, typer.Argument(help="The component; mlpipe node list shows them.")],
    run_id: RunIdOption,
    set_: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run it although a cached result would do.")] = False,
    home: HomeOption = None,
) -> None:
    """Run one component of a run, on what that run made of those before it; the first one begins the run."""
    from pipeline import node_run

    node_run.run_node(pipeline, node, run_id, home_module.find(home), set_ or (), force)


@app.command()
def end(pipeline: PipelineArgument, run_id: RunIdOption, home: HomeOption = None) -> None:
    """Say that a run will not go on, so that another may begin; what it made stays in the cache."""
    from pipeline import node_run

    node_run.end(pipeline, run_id, home_module.find(home))


@app.command("list")
def list_(
    pipeline: PipelineArgument,
    set_: SetOption = None,
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
