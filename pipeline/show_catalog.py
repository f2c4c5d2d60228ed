"""What the catalog offers, on the terminal."""

from __future__ import annotations

import yaml
from rich.console import Console
from rich.table import Table

from pipeline import config
from pipeline.sections import Config, ServingCheck


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
    nodes = [
        "ExampleGen",
        "StatisticsGen",
        "SchemaGen (curated)" if loaded.schema_.curated else "SchemaGen",
        "ExampleValidator [gate]",
        "Transform",
        *(["WordPairs"] if loaded.task == "embedding" else []),
        *(["Tuner"] if loaded.trainer.tuning.get("trials") else []),
        "Trainer",
        "Evaluator [gate]",
        *(["Attributions [gate]"] if loaded.attributions else []),
        *_serving_check(loaded.serving_check),
        *(["ModelOptimizer"] if loaded.optimizer else []),
        "Pusher",
    ]
    console = _console()
    console.print(" -> ".join(nodes))
    console.print()
    console.print(yaml.safe_dump(loaded.dump(), sort_keys=False, allow_unicode=True).rstrip())


def _console() -> Console:
    """Standard output; what stands in brackets is text, not markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def _serving_check(section: ServingCheck) -> list[str]:
    if not section.enabled:
        return []
    return [f"ServingCheck{' (InfraValidator)' if section.with_ == 'infra_validator' else ''} [gate]"]
