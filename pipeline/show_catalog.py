"""What the catalog offers, on the terminal."""

from __future__ import annotations

import yaml
from rich.console import Console
from rich.table import Table

from pipeline import config
from pipeline.node_list import node_list
from pipeline.node_names import RESOLVERS
from pipeline.sections import Config

GATED = ("ExampleValidator", "Evaluator", "Attributions", "ServingCheck")


def show_list() -> None:
    """One line a pipeline: name, task, description; a file that cannot be read is named with its fault."""
    table = Table(box=None, pad_edge=False)
    for column in ("pipeline", "task", "description"):
        table.add_column(column)
    for name in config.names():
        try:
            loaded = config.load(name)
        except config.BadInput as error:
            table.add_row(name, "invalid", str(error), style="red")
        else:
            table.add_row(name, loaded.task, loaded.description)
    _console().print(table)


def show_pipeline(loaded: Config) -> None:
    """The nodes in their order, then the whole configuration as YAML that can be run as it is."""
    nodes = [_shown(node.id, loaded) for node in node_list(loaded) if node.id not in RESOLVERS]
    console = _console()
    console.print(" -> ".join(nodes))
    console.print()
    console.print(yaml.safe_dump(loaded.dump(), sort_keys=False, allow_unicode=True).rstrip())


def _console() -> Console:
    """Standard output; what stands in brackets is text, not markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def _shown(node_id: str, loaded: Config) -> str:
    """A node with what is special about it in this pipeline."""
    kind = ""
    if node_id == "SchemaGen" and loaded.schema_.curated:
        kind = " (curated)"
    elif node_id == "ServingCheck" and loaded.serving_check.with_ == "infra_validator":
        kind = " (InfraValidator)"
    return f"{node_id}{kind}{' [gate]' if node_id in GATED else ''}"
