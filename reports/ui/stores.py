"""ML Metadata for many requests at once: each has a connection for itself while it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from common.errors import BadInput
from pipeline import metadata
from pipeline.home import Home
from pipeline.metadata import Store


class Stores:
    """Open connections to the store of a home, taken for a request and given back after it; nothing is written by them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._idle: SimpleQueue[Store] = SimpleQueue()

    @contextmanager
    def borrow(self) -> Iterator[Store]:
        """A connection that no other thread uses inside the `with` block.

        Raises:
          NoRuns: nothing has run in this home.
          UserError: the store is damaged, busy or does not answer.
        """
        try:
            store = self._idle.get_nowait()
        except Empty:
            store = metadata.open_store(self._home)
        try:
            yield store
        except BadInput:
            self._idle.put(store)
            raise
        # One that another error went through is not used again.
        self._idle.put(store)
