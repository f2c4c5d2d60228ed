"""What holds for ML Metadata on any database server: who is let in, and what happens when it goes away and comes back."""

from __future__ import annotations

import re
import threading
import time
from typing import Protocol

import pytest

from common.errors import UserError
from pipeline import metadata, metadata_address, metadata_server, runs
from pipeline.home import Home


class Server(Protocol):
    """A database server that a test started, and may stop."""

    @property
    def uri(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def refusal(home: Home, monkeypatch: pytest.MonkeyPatch, uri: str, password: str | None) -> str:
    """The line that a store says which is asked with this address and password."""
    monkeypatch.setenv(metadata_address.URI, uri)
    monkeypatch.delenv(metadata_address.PASSWORD)
    if password:
        monkeypatch.setenv(metadata_address.PASSWORD, password)
    with pytest.raises(UserError) as caught:
        metadata.open_store(home)
    return str(caught.value)


def state_after_restart(home: Home, server: Server) -> str:
    """The state of a run that was written while the server was away for two seconds: the writing has to wait."""
    store = metadata.open_store(home)
    metadata.register_run(store, "restarted", "restarted-1", {"mlpipe_state": "running"})
    server.stop()
    again = threading.Timer(2, server.start)
    again.start()
    began = time.monotonic()
    metadata.update_run(store, "restarted-1", {"mlpipe_state": "succeeded"})
    assert time.monotonic() - began > 1
    again.join()
    return runs.get_run(metadata.open_store(home), "restarted", "last").state


def check_absence(home: Home, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stays away is told by a store that was open and by one that is opened; then both go on."""
    monkeypatch.setattr(metadata, "RESTART_SECONDS", 1)
    store = metadata.open_store(home)
    server.stop()
    line = re.escape(
        f"the metadata store {server.uri} does not answer (Connection refused): start the server"
    )
    try:
        with pytest.raises(metadata_server.Unreachable, match=line):
            metadata.pipelines(store)
        with pytest.raises(metadata_server.Unreachable, match=line):
            metadata.open_store(home)
    finally:
        server.start()
    assert metadata.pipelines(store) == metadata.pipelines(metadata.open_store(home))
