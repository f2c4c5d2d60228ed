"""Fingerprints of input files by content: quick, and without TensorFlow, Beam or Arrow."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import whole_file
from components.columnar_example_gen import inputs

_SETTLED_SECONDS = 2.0


def files(
    base: str,
    splits: Mapping[str, str],
    span: int | None = None,
    spans: int = 1,
    cache: Path | None = None,
) -> list[dict[str, Any]]:
    """The input files with their content: [{"split", "file", "bytes", "sha256"}], in reading order.

    `base`, `splits` and spans as for `inputs.resolve`, which raises BadInput when nothing matches. `file` is relative
    to `base`. With a `cache` file, the digest of a file whose size, times and inode are unchanged is not
    computed again.
    """
    return describe(base, inputs.resolve(base, splits, span, spans), cache)


def describe(base: str, resolved: inputs.Inputs, cache: Path | None = None) -> list[dict[str, Any]]:
    """`files` for inputs that are resolved already."""
    digests = Digests(cache)
    rows = []
    for split, paths in resolved.files.items():
        for path in paths:
            size, sha = digests.of(path)
            rows.append({"split": split, "file": os.path.relpath(path, base), "bytes": size, "sha256": sha})
    digests.save()
    return rows


class Digests:
    """The sha256 of files; that of a file whose size, times and inode are in the `cache` file is not computed again."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._known = _load(cache)
        self._seen: dict[str, list[Any]] = {}

    def of(self, path: str) -> tuple[int, str]:
        """(bytes, sha256 as hexadecimal digits) of a file. Raises OSError when it cannot be read."""
        stat = os.stat(path)
        key = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        entry = self._known.get(os.path.abspath(path))
        found = entry[-1] if entry and entry[:-1] == key else sha256(path)
        # A file that is written twice within the clock's grain keeps its times: only settled files are kept.
        if time.time() - max(stat.st_mtime, stat.st_ctime) > _SETTLED_SECONDS:
            self._seen[os.path.abspath(path)] = [*key, found]
        return stat.st_size, found

    def save(self) -> None:
        """Keeps what was computed for the next time."""
        if self._cache is not None and any(
            self._known.get(path) != entry for path, entry in self._seen.items()
        ):
            whole_file.write_text(self._cache, json.dumps({**self._known, **self._seen}))


def digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """One sha256 over splits, file names and contents: the input fingerprint of the examples."""
    lines = [[row["split"], row["file"], row["sha256"]] for row in rows]
    return "sha256:" + hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def sha256(path: str) -> str:
    """The sha256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as file:
        hasher = hashlib.sha256()
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def _load(cache: Path | None) -> dict[str, list[Any]]:
    if cache is None:
        return {}
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
