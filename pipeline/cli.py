"""The `mlpipe` command: each command is a thin function over a module that does the work.

Nothing heavy is imported at the top: `mlpipe list`, `status`, `lineage` and `--help` must answer in under a second.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from pipeline import home as home_module

app = typer.Typer(
    help="TFX pipelines from raw data to a served, validated, traceable model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of all state [env MLPIPE_HOME; default ./.mlpipe].")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a configuration value: --set trainer.training.seed=7."),
]


@app.command("list")
def list_() -> None:
    """List the pipelines of the catalog."""
    from pipeline import show_catalog

    show_catalog.show_list()


@app.command()
def describe(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    set_: SetOption = None,
) -> None:
    """Show a pipeline's DAG and its configuration with all defaults filled in."""
    from pipeline import config, show_catalog

    show_catalog.show_pipeline(config.load(pipeline, set_ or ()))


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    set_: SetOption = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Run this component and all after it, cached or not.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="Run this component alone, on what the last run made.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every component, cached or not.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another run of this pipeline to end.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Run a pipeline from its data to a pushed model; what has not changed is not run again."""
    from pipeline import config, run

    run.run(config.load(pipeline, set_ or ()), home_module.find(home), run.Options(force, start, only, wait))


def main() -> None:
    """Run the command line; a user's error ends in one line and its exit code, without a traceback."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except UserError as error:
        if debug:
            raise
        print(f"mlpipe: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("mlpipe: interrupted; the next run continues from the last finished component", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
