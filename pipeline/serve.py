"""Serves pushed models on this machine: `serving.server`, in this process, over a configuration of its own."""

from __future__ import annotations

import contextlib
import errno
import io
import re
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import BadInput
from pipeline import serve_notice, served
from pipeline.home import Home
from pipeline.wording import display
from serving.deploy.model_server import models_config
from serving.options import ServerOptions, parse_options

EVERY_INTERFACE = ("0.0.0.0", "::", "")


def serve(home: Home, pipelines: Sequence[str], num_versions: int, flags: Mapping[str, Any]) -> int:
    """Serves until a signal ends it; returns the server's exit code.

    Args:
      home: where the models were pushed.
      pipelines: names or YAML files; none: all that have a pushed model.
      num_versions: how many of the latest versions of each are served.
      flags: the server's flags by name, None where not given. `model_config_file` takes the place of pipelines.

    Raises:
      BadInput: a pipeline has pushed nothing; a port is taken.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    own_config = given.pop("model_config_file", None)
    if own_config and pipelines:
        raise BadInput("--model-config-file names the models itself: give it, or pipelines")
    models = [] if own_config else served.find(home, pipelines)
    check_flags(given)
    host = given.get("host", ServerOptions.host)
    grpc_port = given.get("port", ServerOptions.port)
    rest_port = given.get("rest_api_port", ServerOptions.rest_api_port)
    check_free(host, grpc_port, "--port")
    check_free(host, rest_port, "--rest-api-port")
    with tempfile.TemporaryDirectory(prefix="mlpipe-serve-") as scratch:
        config_file = Path(own_config) if own_config else Path(scratch) / "models.config"
        if models:
            config_file.write_text(
                models_config({model.name: str(model.folder) for model in models}, num_versions),
                encoding="utf-8",
            )
        print(f"loading {', '.join(model.name for model in models) or display(config_file)}", flush=True)
        if models and rest_port:
            near = "localhost" if host in EVERY_INTERFACE else f"[{host}]" if ":" in host else host
            grpc_address = f"{near}:{grpc_port}" if grpc_port else ""
            serve_notice.announce_when_ready(home, models, f"http://{near}:{rest_port}", grpc_address)
        try:
            from serving import server

            return server.main([f"--model_config_file={config_file}", *_arguments(given)])
        except KeyboardInterrupt:
            # While TensorFlow is imported; later the server takes the signal itself.
            return 0


def check_flags(given: Mapping[str, Any]) -> None:
    """Raises BadInput for flags that the server would refuse."""
    refusal = io.StringIO()
    try:
        with contextlib.redirect_stderr(refusal):
            parse_options(["--model_config_file=generated", *_arguments(given)])
    except SystemExit:
        _, _, reason = refusal.getvalue().strip().rpartition("error: ")
        raise BadInput(re.sub(r"--\w+", lambda name: name[0].replace("_", "-"), reason)) from None


def _arguments(given: Mapping[str, Any]) -> list[str]:
    return [f"--{name}={value}" for name, value in given.items()]


def check_free(host: str, port: int, option: str) -> None:
    """Raises BadInput when another process listens on the port, or the host is not this machine's."""
    if not port:
        return
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, OverflowError):
        raise BadInput(f"--host {host} {option} {port}: no such address") from None
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise BadInput(
                        f"{option} {port}: another process listens there; end it, or give another port"
                    ) from None
                if error.errno == errno.EACCES:
                    raise BadInput(f"{option} {port}: not allowed; give a port from 1024 on") from None
                # A machine without IPv6 may still know a name's IPv6 address.
                if family != socket.AF_INET6:
                    raise BadInput(
                        f"--host {host}: {error.strerror}; give an address of this machine"
                    ) from None
