"""`mlpipe data`: which data sets and pretrained weights there are, and their files on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from common.errors import BadInput
from data.registry import DATASETS, Dataset, write
from pipeline import home as home_module
from pipeline import lock
from pipeline.target_flags import HomeOption
from pipeline.wording import display, nearest

app = typer.Typer(help="Data sets and pretrained weights: list them, get their files.", rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """List the data sets and pretrained weights, with size, licence, and where they come from."""
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what", "size", "licence", "from"):
        table.add_column(column)
    for one in DATASETS:
        table.add_row(one.name, one.what, one.size, one.licence, one.origin)
    # Wide enough for every line: a command that is cut short cannot be copied.
    Console(highlight=False, width=160).print(table)


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Name of a data set; mlpipe data list shows them.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="New or empty folder [default: data/NAME below the home].")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the original files where they are not on this machine.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Write the files of a data set or of pretrained weights to a folder, checked against their checksums."""
    dataset = _find(name)
    if to is None:
        found = home_module.find(home)
        with lock.writing_data(found, name):
            path = write(dataset, found.data / name, download)
    else:
        path = write(dataset, to, download)
    print(f"wrote {display(path)}\nin a pipeline: {_section(dataset, path)}")


def _find(name: str) -> Dataset:
    names = {dataset.name: dataset for dataset in DATASETS}
    if name not in names:
        raise BadInput(f"no data set {name!r}{nearest(name, names) or '; there are ' + ', '.join(names)}")
    return names[name]


def _section(dataset: Dataset, path: Path) -> str:
    if dataset.layout == "weights":
        return f"trainer.model.transfer: {{weights: {display(path)}}}"
    return f"data: {{{dataset.keys}path: {display(path)}}}"
