"""Google Cloud's clients, which Beam imports where they are installed: kept out of runs that have no use for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from pipeline.sections import Config

PACKAGE = "google.cloud"
ASKED_FOR = ("gs://", "bigquery://", "pubsub://")


class _Absent(MetaPathFinder):
    """Says of the clients that they are not installed, which Beam bears."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.startswith(f"{PACKAGE}."):
            raise ModuleNotFoundError(f"{fullname} is not asked for", name=fullname)
        return None


def is_asked_for(config: Config) -> bool:
    """Whether a configuration names something in Google's cloud."""
    text = config.model_dump_json()
    return any(part in text for part in ASKED_FOR)


@contextmanager
def absent(unless: bool) -> Iterator[None]:
    """Inside the `with` block the clients cannot be imported, unless they are asked for; afterwards they can."""
    if unless:
        yield
        return
    finder = _Absent()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
