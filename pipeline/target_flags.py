"""Which model is asked, and where, as options of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of all state [env MLPIPE_HOME; default ./.mlpipe].")
]
_OPTIONS: dict[str, tuple[Any, Any, Any]] = {
    "local": (bool, False, typer.Option("--local", help="Load the pushed model; ask no server.")),
    "version": (int | None, None, typer.Option("--version", help="Version [default: the latest].")),
    "label": (str | None, None, typer.Option("--label", help="Version label of the server.")),
    "host": (str, "localhost", typer.Option("--host", help="Where the server runs.")),
    "rest_api_port": (int, 8501, typer.Option("--rest-api-port", help="Its REST port.")),
    "grpc": (bool, False, typer.Option("--grpc", help="Ask over gRPC, not REST.")),
    "port": (int, 8500, typer.Option("--port", help="Its gRPC port.")),
    "timeout": (float, 30.0, typer.Option("--timeout", min=0.001, help="Seconds per request.")),
}


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a typer command these options in the place of its keyword `target`, a predict.Target."""

    @functools.wraps(command)
    def asked(**given: Any) -> None:
        from pipeline import predict

        options = {name: given.pop(name) for name in _OPTIONS}
        port = options.pop("port")
        command(**given, target=predict.Target(grpc_port=port if options.pop("grpc") else None, **options))

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += _parameters() if parameter.name == "target" else [parameter]
    asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    asked.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return asked


def _parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
        )
        for name, (kind, default, option) in _OPTIONS.items()
    ]
