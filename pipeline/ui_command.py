"""`mlpipe ui`: runs, lineage and comparisons in the browser."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from common.errors import BadInput
from pipeline import home as home_module
from pipeline.target_flags import HomeOption

_PORT = 8600
_SECONDS_TO_END = 2


def ui(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of this machine; 0: any that is free.")
    ] = _PORT,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help="A model server that What-If asks, too: http://HOST:PORT of mlpipe serve or TensorFlow Serving (REST).",
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Browse pipelines, runs, reports, lineage and comparisons at http://localhost, until Ctrl-C."""
    found = home_module.find(home)
    with listening(port) as listener:
        _serve(found, listener, open_, server)


def _serve(home: home_module.Home, listener: socket.socket, open_: bool, server: str | None) -> None:
    import uvicorn

    from reports.ui.app import application

    address = f"http://localhost:{listener.getsockname()[1]}/"
    config = uvicorn.Config(
        application(home, server),
        lifespan="off",
        # What is being answered is given up at Ctrl-C, which is no error; the app logs what are.
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    print(f"{address} shows {home.root}; Ctrl-C ends it", flush=True)
    if open_:
        typer.launch(address)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        print()


def listening(port: int) -> socket.socket:
    """A socket that listens on the loopback interface alone.

    Raises:
      BadInput: the port is taken, or not for this user.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        # Bound alone, a second program could take the port as well.
        listener.listen()
    except OSError as error:
        listener.close()
        raise BadInput(
            f"--port {port}: {(error.strerror or str(error)).lower()}; give another one, or 0 for any that is free"
        ) from None
    return listener
