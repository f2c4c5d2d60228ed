"""ML Metadata on a database server: connecting to it, and what its troubles are called.

MLMD tells why a connection failed on the standard error of its C++ code alone (PostgreSQL) or not at all (MySQL).
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common.errors import UserError
from pipeline.metadata_address import PASSWORD, Address

_SECONDS = 10
_SAID = re.compile(r"PostgreSQL error: (.*)")
_CHATTER = re.compile(r"_metadata_source\.cc:|Logging before InitGoogleLogging")

# The further lines of a message.
_MORE = re.compile(r"\s|[A-Z]+: |LINE \d|server closed the connection|SSL ")


class Unreachable(UserError):
    """No server answers at an address."""

    def __init__(self, address: Address, reason: str = "") -> None:
        super().__init__(
            f"the metadata store {address} does not answer{f' ({reason})' if reason else ''}: start the server or check"
            " the address; what has finished is kept, and running again goes on from there"
        )


def connect(open_: Callable[[], None], address: Address) -> None:
    """Open a store on a server.

    Raises:
      Unreachable: nobody answers there.
      UserError: the server does not let us in; the line says why.
      RuntimeError: anything else that MLMD says.
    """
    try:
        socket.create_connection((address.host, address.port), timeout=_SECONDS).close()
    except OSError as error:
        raise Unreachable(address, error.strerror or str(error)) from error
    # Read by PostgreSQL's own library; without it a connection that hangs, hangs for minutes.
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(_SECONDS))
    try:
        with quiet() as said:
            open_()
    except RuntimeError as error:
        reason = " ".join(said)
        refusal = _refusal(address, reason, str(error))
        if refusal:
            raise UserError(refusal) from error
        if is_lost(str(error)):
            raise Unreachable(address, reason) from error
        raise


def is_lost(message: str) -> bool:
    """Whether MLMD's message means that the connection to the server is gone."""
    return bool(
        re.search(
            r"closed the connection|terminating connection|server has gone away|Lost connection|not connected"
            r"|metadata source error: *$|errno: *, error: *$",
            message.strip(),
        )
    )


def _refusal(address: Address, reason: str, message: str) -> str:
    """The line for a server that is there and lets nobody in; empty when it is something else."""
    if "SSL support is not compiled in" in reason:
        return (
            f"{address}: sslmode={address.options['sslmode']}: this ml-metadata was built without TLS for PostgreSQL;"
            " reach the server through a local TLS proxy, and leave sslmode out"
        )
    if "authentication failed" in reason or "no password supplied" in reason or "pg_hba" in reason:
        return (
            f"{address}: the server refuses user {address.user!r} ({reason.removeprefix('FATAL:').strip()}); check the"
            f" user and {PASSWORD} or metadata.password_file"
        )
    if re.search(r'database ".*" does not exist', reason):
        return (
            f"{address}: there is no database {address.database!r}; make it once, for example with"
            f" createdb -h {address.host} -p {address.port} -U {address.user} {address.database}"
        )
    if "permission denied" in reason + message:
        return (
            f"{address}: user {address.user!r} may not use the database ({reason or message.splitlines()[0]})"
        )
    if address.scheme == "mysql" and "Changing to database" in message:
        return (
            f"{address}: there is no database {address.database!r} that user {address.user!r} may use; make it once"
            f" with CREATE DATABASE, and GRANT ALL on it"
        )
    if address.scheme == "mysql" and "mysql_real_connect failed" in message:
        return (
            f"{address}: the server refuses user {address.user!r}; check the user, {PASSWORD} or metadata.password_file,"
            " whether it wants TLS (ssl_ca), and that the user logs in with mysql_native_password"
        )
    return ""


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Inside the `with` block MLMD's C++ code says nothing on standard error; what others say is passed on after it.

    Yields:
      A list, which holds the reasons that it gave for errors when the block has ended.
    """
    said: list[str] = []
    sys.stderr.flush()
    saved = os.dup(2)
    heard = os.memfd_create("heard")
    os.dup2(heard, 2)
    try:
        yield said
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        with os.fdopen(heard, "rb") as file:
            file.seek(0)
            _sort(file.read().decode("utf-8", "replace").splitlines(keepends=True), said)


def _sort(lines: list[str], said: list[str]) -> None:
    own = False
    for line in lines:
        own = bool(_CHATTER.search(line)) or (own and bool(_MORE.match(line)))
        if not own:
            os.write(2, line.encode())
        found = _SAID.search(line)
        if found:
            said.append(found[1].strip())
