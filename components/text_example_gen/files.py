"""Which files are meant, what reads them, and their fingerprints."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import BadInput
from components.columnar_example_gen import fingerprint, inputs
from components.columnar_example_gen.fingerprint import Digests
from components.columnar_example_gen.inputs import PATTERN_SEPARATOR, Inputs
from components.text_example_gen import class_folders
from components.text_example_gen.options import TextOptions

SPLIT, SOURCE, TARGET = "all", "source", "target"
SPLIT_SEPARATOR = f"{PATTERN_SEPARATOR}{PATTERN_SEPARATOR}"
"""Between the patterns of source and target, of which each may be several."""
TABLES = (*inputs.CSV, *inputs.JSON_LINES)
_KINDS = {"windows": ("txt",), "conll": ("conll", "conllu", "bio", "iob", "txt", "tsv"), "parallel": ("txt",)}
_SUFFIXES = {
    text: tuple(f".{kind}{packed}" for kind in kinds for packed in ("", ".gz", ".zst"))
    for text, kinds in _KINDS.items()
}


def is_table(pattern: str, options: TextOptions) -> bool:
    """Whether the files are tables: so they are for `table`, and for `parallel` where their names say so."""
    ends = [one.lower().endswith(TABLES) for one in pattern.split(PATTERN_SEPARATOR)]
    return options.text == "table" or (options.text == "parallel" and (all(ends) or len(ends) == 1))


def resolve(base: str, pattern: str, options: TextOptions, span: int | None = None, spans: int = 1) -> Inputs:
    """The files of `all`, or of `source` and `target`, or the folder that the class folders lie in.

    span and spans: as for `columnar_example_gen.inputs.resolve`. Raises BadInput for none.
    """
    if options.text == "folders":
        folder, filled, number, version = inputs.whole(base, pattern, span)
        return Inputs({SPLIT: [folder]}, {SPLIT: filled}, number, version)
    patterns = {SPLIT: pattern}
    suffixes = _SUFFIXES.get(options.text, TABLES)
    if is_table(pattern, options):
        suffixes = TABLES
    elif options.text == "parallel":
        given = pattern.split(SPLIT_SEPARATOR)
        if len(given) == 1:
            given = pattern.split(PATTERN_SEPARATOR)
        if len(given) != 2:
            raise BadInput(
                f"data.path: text: parallel reads a source file and a target file, or tables; got {len(given)} paths:"
                " name two, source first"
            )
        patterns = dict(zip((SOURCE, TARGET), given, strict=True))
    return inputs.resolve(base, patterns, span, spans, suffixes)


def check_group(options: TextOptions) -> None:
    """Raises BadInput for a group by a feature that the format does not give."""
    for name in options.group:
        if name not in options.features:
            raise BadInput(
                f"data.group: text: {options.text} gives no column {name!r}; it gives {', '.join(options.features)}"
            )


def describe(
    base: str, resolved: Inputs, options: TextOptions, cache: Path | None = None
) -> list[dict[str, Any]]:
    """What was resolved with its content: [{"split", "file", "bytes", "sha256"}], a row for each file or class folder.

    The sha256 of a class folder is that of the names and sha256s of its texts. cache: a file; the digest of a file whose
    size, times and inode are in it is not computed again. Raises BadInput when there is nothing to read.
    """
    if options.text != "folders":
        return fingerprint.describe(base, resolved, cache)
    [folder] = resolved.files[SPLIT]
    digests = Digests(cache)
    rows = []
    for label, names in itertools.groupby(
        class_folders.names(folder), key=lambda name: name.partition("/")[0]
    ):
        contents = [(name, *_content(digests, folder, name)) for name in names]
        lines = json.dumps([[name, sha256] for name, _, sha256 in contents])
        size = sum(size for _, size, _ in contents)
        sha256 = hashlib.sha256(lines.encode()).hexdigest()
        rows.append({"split": SPLIT, "file": label, "bytes": size, "sha256": sha256})
    digests.save()
    return rows


def _content(digests: Digests, base: str, name: str) -> tuple[int, str]:
    try:
        return digests.of(os.path.join(base, name))
    except OSError as error:
        raise BadInput(
            f"{os.path.join(base, name)}: the file cannot be read ({error.strerror}); give the right to read it, or take"
            " it out"
        ) from None


def unpacked_size(rows: Sequence[Mapping[str, Any]]) -> int:
    """Bytes of the texts, judged by those of the files."""
    return sum(row["bytes"] * (4 if row["file"].lower().endswith((".gz", ".zst")) else 1) for row in rows)
