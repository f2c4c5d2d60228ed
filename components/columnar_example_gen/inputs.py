"""Which files a pattern stands for, and which span and version is the latest.

The rules are those of TFX's file based ExampleGen (`tfx/components/example_gen/utils.py`): {SPAN}, {VERSION}
(with an optional width as in {SPAN:3}) and {YYYY}, {MM}, {DD}. They are written anew because asking whether
anything changed must not cost the import of TFX.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import glob
import os
import re
from collections.abc import Mapping, Sequence

from common.errors import BadInput

PATTERN_SEPARATOR = "\n"
CSV = (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".tsv.zst")
JSON_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")
PARQUET, ARROW = (".parquet",), (".arrow", ".feather")
SUFFIXES = (*CSV, *JSON_LINES, *PARQUET, *ARROW)
_EPOCH = datetime.date(1970, 1, 1)
_SPAN = re.compile(r"\{SPAN(?::(?P<width>[^}]*))?\}")
_VERSION = re.compile(r"\{VERSION(?::(?P<width>[^}]*))?\}")
_DATE = {"{YYYY}": 4, "{MM}": 2, "{DD}": 2}
_MAGIC = re.compile(r"[*?\[{]")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The files of each split, and the last span and its version that they belong to (0 and None without one)."""

    files: Mapping[str, Sequence[str]]
    patterns: Mapping[str, str]
    span: int
    version: int | None


def locate(path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, str]:
    """(input base, pattern) of a file, a folder, a glob, a span pattern, or a list of them.

    The base is the folder above the first wildcard; several patterns share one base, and stand in one string,
    separated by line ends, as `Input.Split.pattern` holds one string.
    """
    paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    if not paths:
        raise BadInput("data.path: the list is empty; give at least one file, folder or pattern")
    full = [os.path.abspath(os.fspath(one)) for one in paths]
    base = os.path.commonpath([_fixed_folder(one) for one in full])
    return base, PATTERN_SEPARATOR.join(os.path.relpath(one, base) for one in full)


def has_span(path: str) -> bool:
    """Whether a path stands for files of several spans."""
    return bool(_SPAN.search(path)) or any(spec in path for spec in _DATE)


def spans_of(base: str, pattern: str) -> list[tuple[int, int | None, str]]:
    """The spans that a pattern has files of now, ascending: (span, its latest version, pattern with both filled in).

    Raises BadInput for a pattern that is none, and for a date that does not exist.
    """
    with_span, has_version = _check_placeholders(pattern)
    if not with_span:
        return []
    search = _search_expression(base, pattern)
    best: dict[int, tuple[int, re.Match[str]]] = {}
    for path in glob.glob(_glob_of(base, pattern)):
        match = search.fullmatch(os.path.normpath(path))
        if match is None:
            continue
        number = _span_number(match)
        version = int(match["version"]) if has_version else 0
        if number not in best or version > best[number][0]:
            best[number] = version, match
    return [
        (number, version if has_version else None, _filled(pattern, match, has_version))
        for number, (version, match) in sorted(best.items())
    ]


def resolve(
    base: str,
    splits: Mapping[str, str],
    span: int | None = None,
    spans: int = 1,
    suffixes: Sequence[str] = SUFFIXES,
) -> Inputs:
    """The files behind `splits` (name -> pattern below `base`), of the latest span or of `span`.

    spans: how many spans are read, up to that one, each in its latest version; those that have no files are left out.
    suffixes: which files of a folder are meant. Raises BadInput when nothing matches, naming the nearest names that
    exist, when the span itself has no files, and when the splits' latest spans or versions differ.
    """
    found: tuple[int, int | None] | None = None
    patterns: dict[str, str] = {}
    for name, pattern in splits.items():
        filled = []
        for one in pattern.split(PATTERN_SEPARATOR):
            window = _window(base, one, span, spans)
            latest = window[-1][:2]
            if found is not None and latest != found:
                raise BadInput(
                    f"{os.path.join(base, one)}: the latest span and version are {_named(latest)}, but"
                    f" {_named(found)} elsewhere; bring the files to the same span"
                )
            found = latest
            filled += [match[2] for match in window]
        patterns[name] = PATTERN_SEPARATOR.join(filled)
    files = {name: list_files(base, pattern, suffixes) for name, pattern in patterns.items()}
    number, version = found or (0, None)
    return Inputs(files=files, patterns=patterns, span=number, version=version)


def whole(base: str, pattern: str, span: int | None = None) -> tuple[str, str, int, int | None]:
    """The one folder or file that a pattern stands for, of the latest span or of `span`; it is not looked into.

    (its path, the pattern with span and version filled in, span, version), 0 and None without one. Raises BadInput for a
    span that is not there.
    """
    number, version, filled = _window(base, pattern, span, 1)[-1]
    return os.path.normpath(os.path.join(base, filled)), filled, number, version


def list_files(base: str, pattern: str, suffixes: Sequence[str] = SUFFIXES) -> list[str]:
    """The files behind a pattern without placeholders, sorted; of a folder, those with one of the suffixes.

    Raises BadInput when a pattern matches nothing.
    """
    files: set[str] = set()
    for one in pattern.split(PATTERN_SEPARATOR):
        path = os.path.normpath(os.path.join(base, one))
        matches = (
            [path]
            if os.path.exists(path)
            else glob.glob(os.path.join(glob.escape(base), one), recursive=True)
        )
        plain = [match for match in matches if os.path.isfile(match)]
        for folder in matches:
            if os.path.isdir(folder):
                inside = [
                    name for name in sorted(os.listdir(folder)) if name.lower().endswith(tuple(suffixes))
                ]
                plain += [os.path.join(folder, name) for name in inside if not name.startswith(".")]
        if not plain:
            raise nothing(path, matches, suffixes)
        files.update(plain)
    return sorted(files)


def _fixed_folder(path: str) -> str:
    if os.path.isdir(path):
        return path
    folder = os.path.dirname(path)
    while _MAGIC.search(folder):
        folder = os.path.dirname(folder)
    return folder


def _named(found: tuple[int, int | None]) -> str:
    return f"{found[0]}" if found[1] is None else f"{found[0]} and {found[1]}"


def _window(base: str, pattern: str, span: int | None, spans: int) -> list[tuple[int, int | None, str]]:
    """(span, version, pattern with both filled in) of the latest version of each span that is read, in their order."""
    with_span, _ = _check_placeholders(pattern)
    if not with_span:
        if span is not None or spans > 1:
            asked = f"span {span} is" if span is not None else f"{spans} spans are"
            raise BadInput(
                f"{os.path.join(base, pattern)}: {asked} asked for, but there is no {{SPAN}} in it"
            )
        return [(0, None, pattern)]
    best = {number: (version, filled) for number, version, filled in spans_of(base, pattern)}
    path = os.path.join(base, pattern)
    if not best:
        raise nothing(path)
    last = max(best) if span is None else span
    if last not in best:
        raise BadInput(f"{path}: no span {last}; there is {', '.join(map(str, sorted(best)[-5:]))}")
    return [(number, *best[number]) for number in sorted(best) if last - spans < number <= last]


def _filled(pattern: str, match: re.Match[str], has_version: bool) -> str:
    """The pattern with the span, date and version of one match."""
    filled = pattern
    if "span" in match.groupdict():
        filled = _SPAN.sub(match["span"], filled)
    else:
        for spec, group in zip(_DATE, ("year", "month", "day"), strict=True):
            filled = filled.replace(spec, match[group])
    return _VERSION.sub(match["version"], filled) if has_version else filled


def _check_placeholders(pattern: str) -> tuple[bool, bool]:
    spans, versions = len(_SPAN.findall(pattern)), len(_VERSION.findall(pattern))
    dates = [pattern.count(spec) for spec in _DATE]
    if spans > 1 or versions > 1:
        raise BadInput(f"{pattern}: {{SPAN}} and {{VERSION}} may stand once each")
    if any(dates) and (dates != [1, 1, 1] or spans):
        raise BadInput(
            f"{pattern}: a date takes {{YYYY}}, {{MM}} and {{DD}} once each, and no {{SPAN}} beside them"
        )
    if versions and not (spans or any(dates)):
        raise BadInput(f"{pattern}: {{VERSION}} needs a {{SPAN}} or a date beside it")
    for expression in (_SPAN, _VERSION):
        match = expression.search(pattern)
        if match and match["width"] is not None and not re.fullmatch(r"[1-9]\d*", match["width"]):
            raise BadInput(f"{pattern}: {match[0]}: the width is not a positive integer")
    return bool(spans or any(dates)), bool(versions)


def _glob_of(base: str, pattern: str) -> str:
    pattern = _VERSION.sub("*", _SPAN.sub("*", pattern))
    for spec in _DATE:
        pattern = pattern.replace(spec, "*")
    return os.path.join(glob.escape(base), pattern)


def _search_expression(base: str, pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression that catches span, or year, month and day, and version."""
    placeholder = r"\{(?:SPAN|VERSION)(?::\d+)?\}|\{YYYY\}|\{MM\}|\{DD\}|\*|\?|\[[^\]]*\]"
    names = {"SPAN": "span", "VERSION": "version", "YYYY": "year", "MM": "month", "DD": "day"}
    expression, end = re.escape(os.path.join(os.path.normpath(base), "")), 0
    for match in re.finditer(placeholder, pattern):
        expression += re.escape(pattern[end : match.start()])
        end = match.end()
        token = match[0]
        if token.startswith("{"):
            name, _, width = token[1:-1].partition(":")
            digits = f"{{{_DATE[token]}}}" if token in _DATE else f"{{{width}}}" if width else "+"
            expression += rf"(?P<{names[name]}>\d{digits})"
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(token, token.replace("[!", "[^"))
    return re.compile(expression + re.escape(pattern[end:]))


def _span_number(match: re.Match[str]) -> int:
    if "span" in match.groupdict():
        return int(match["span"])
    try:
        day = datetime.date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError as error:
        raise BadInput(
            f"{match[0]}: {error}; the folder or file is named after a date that does not exist"
        ) from None
    return (day - _EPOCH).days


def nothing(path: str, folders: Sequence[str] = (), suffixes: Sequence[str] = SUFFIXES) -> BadInput:
    """The error for a path behind which there is no file, or only folders without one."""
    if folders:
        return BadInput(
            f"{folders[0]}: no file in this folder ends in {', '.join(suffixes)}; name the files in data.path"
        )
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder, path = os.path.dirname(folder), folder
    what = "nothing matches" if _MAGIC.search(path) else "no such file or folder"
    wanted = os.path.basename(path)
    names = sorted(os.listdir(folder))
    near = (
        difflib.get_close_matches(wanted, names, n=3, cutoff=0.4)
        or [n for n in names if n.endswith(tuple(suffixes))][:3]
    )
    return BadInput(
        f"{path}: {what}; "
        + (f"nearest in {folder}: {', '.join(near)}" if near else f"{folder} holds no data file")
    )
