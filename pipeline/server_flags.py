"""The model server's flags as options of a command."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

import typer

from serving.options import ServerOptions

SET_BY_PIPELINES = ("model_name", "model_base_path")


def with_server_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a typer command an option for each flag, in kebab case; the command's `**flags` gets them all.

    Those that are not given are None.
    """
    parameters = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    for flag in fields(ServerOptions):
        if flag.name in SET_BY_PIPELINES:
            continue
        kebab = flag.name.replace("_", "-")
        spelled = f"--{kebab}/--no-{kebab}" if isinstance(flag.default, bool) else f"--{kebab}"
        usual = "" if flag.default == "" else f" [default: {flag.default}]"
        help_text = re.sub(r"--\w+", lambda name: name[0].replace("_", "-"), flag.metadata["help"]) + usual
        kind: Any = type(flag.default)
        parameters.append(
            inspect.Parameter(
                flag.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, typer.Option(spelled, help=help_text)],
            )
        )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
