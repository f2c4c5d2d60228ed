"""Fingerprints of sets of images by content: quick, and without TensorFlow or Beam."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from components.columnar_example_gen.fingerprint import Digests
from components.image_example_gen import folders, idx_folder
from components.image_example_gen.options import ImageOptions

SPLIT = "all"
UNREADABLE = "unreadable"
IMAGES = "images"

Contents = Mapping[str, tuple[int, str]]


def files(
    path: str, options: ImageOptions, cache: Path | None = None, known: Contents | None = None
) -> list[dict[str, Any]]:
    """The input with its content: [{"split", "file", "bytes", "sha256"}], a row for each class folder or file.

    The sha256 of a class folder is that of the names and sha256s of its images; the row of a CSV is followed by one
    for all images that it names. `digest` of components.columnar_example_gen.fingerprint makes one of all rows.
    cache: a file; the digest of an image whose size, times and inode are in it is not computed again.
    known: name -> (bytes, sha256) of images that were read already.
    Raises BadInput when there is nothing to read at the path.
    """
    digests, known = Digests(cache), known or {}
    if options.images == "idx":
        names = [name for pair in idx_folder.pairs(path) for name in (pair.images, pair.labels)]
        if os.path.exists(os.path.join(path, idx_folder.CLASSES)):
            names.append(idx_folder.CLASSES)
        rows = [_row(name, *_content(digests, os.path.join(path, name))) for name in names]
    elif options.images == "csv":
        from components.image_example_gen import csv_rows

        base = os.path.dirname(path)
        contents = _contents(digests, base, csv_rows.image_names(path, options), known)
        rows = [_row(os.path.basename(path), *_content(digests, path)), _folded(IMAGES, contents)]
    else:
        scan = folders.scan(path)
        contents = _contents(digests, path, [name for name, _ in scan.files], known)
        contents += [(problem.name, 0, problem.what) for problem in scan.problems]
        by_class = itertools.groupby(sorted(contents), key=lambda content: content[0].partition("/")[0])
        rows = [_folded(folder, list(inside)) for folder, inside in by_class]
    digests.save()
    return rows


def _folded(name: str, contents: Sequence[tuple[str, int, str]]) -> dict[str, Any]:
    """One row for many images."""
    lines = json.dumps([[name, sha256] for name, _, sha256 in contents])
    return _row(name, sum(size for _, size, _ in contents), hashlib.sha256(lines.encode()).hexdigest())


def _contents(
    digests: Digests, base: str, names: Sequence[str], known: Contents
) -> list[tuple[str, int, str]]:
    def content(name: str) -> tuple[int, str]:
        return known.get(name) or _content(digests, os.path.join(base, name))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [(name, *found) for name, found in zip(names, pool.map(content, names), strict=True)]


def _content(digests: Digests, path: str) -> tuple[int, str]:
    try:
        return digests.of(path)
    except OSError:
        return 0, UNREADABLE


def _row(name: str, size: int, sha256: str) -> dict[str, Any]:
    return {"split": SPLIT, "file": name, "bytes": size, "sha256": sha256}
