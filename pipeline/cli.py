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
    list[str] | None, typer.Option("--set", help="Override a configuration value: --set trainer.training.seed=7.")
]


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
