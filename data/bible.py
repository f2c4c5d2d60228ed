"""The Bible: in English as one text, in English and Spanish verse beside verse.

The World English Bible (2020, https://ebible.org/web; a trademark of eBible.org that the unchanged text may carry) and
the Reina-Valera of 1909 (https://ebible.org/details.php?id=spaRV1909), both in the public domain; the 66 books that
both have. Read with pysword from the Debian packages sword-text-web and sword-text-sparv. The makers publish no
checksum, so there is nothing to fetch from them.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.errors import BadInput
from data import downloads, files

NAME = "bible"
PACKAGE = Path("/usr/share/sword")
ENGLISH, SPANISH = "engWEB2015eb", "spaRV1909eb"
INSTALL = {ENGLISH: "apt-get install sword-text-web", SPANISH: "apt-get install sword-text-sparv"}
READER = "pip install 'pysword>=0.2.8,<0.3'"

# Verses, first to last, that the Spanish text numbers otherwise; seen by the names and rare words that they share.
NUMBERED_OTHERWISE = (
    ("Numbers", 13, 1, 33),
    ("Numbers", 30, 1, 16),
    ("Judges", 14, 18, 20),
    ("I Samuel", 24, 1, 22),
    ("I Kings", 22, 43, 53),
    ("I Chronicles", 1, 30, 32),
    ("I Chronicles", 21, 15, 30),
    ("II Chronicles", 33, 10, 25),
    ("Job", 39, 1, 30),
    ("Job", 40, 1, 24),
    ("Hosea", 12, 1, 14),
    ("Jonah", 2, 1, 10),
    ("II Corinthians", 13, 12, 14),
)
_LONGER = 2
_LOG = logging.getLogger(__name__)

_AFTER_CHAPTER = re.compile(r"<chapter eID.*", re.DOTALL)
_APPARATUS = re.compile(r"<(note|speaker)\b.*?</\1>", re.DOTALL)
_HEADING = re.compile(r"<title\b(?![^>]*canonical=\"true\").*?</title>", re.DOTALL)
_INSIDE_WORDS = re.compile(r"</?(?:w|q|seg|name|hi|divineName)\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")
_BESIDE_MARK = re.compile(r" +(?=[,.;:?!’”)])|(?<=[¿¡(“‘]) +")


class Reference(NamedTuple):
    """Where a verse stands."""

    book: str
    chapter: int
    verse: int


def write_text(folder: Path) -> Path:
    """Writes bible.txt: the World English Bible, a verse a line, an empty line between chapters.

    Psalms have their titles, as they are part of the text; notes, headings and names of speakers are left out. Raises
    BadInput, with the command that installs it, when the text or its reader is not there.
    """
    verses = {place: text for place, text in _verses(ENGLISH).items() if text}
    if not verses:
        raise BadInput(f"{_source()}: {ENGLISH} holds no verse; install it with: {INSTALL[ENGLISH]}")
    lines: list[str] = []
    before: Reference | None = None
    for place, text in verses.items():
        if before and before[:2] != place[:2]:
            lines.append("")
        lines.append(text)
        before = place
    return files.write_text(folder, "bible.txt", "\n".join(lines) + "\n")


def write_pairs(folder: Path) -> Path:
    """Writes verses.csv: book, chapter, verse, source (English), target (Spanish).

    Left out, and counted in the log, are verses that one of the two does not have, that the Spanish text numbers
    otherwise, and that are merged, divided or longer in one: one text is more than twice as long as the other. Raises
    BadInput as `write_text`.
    """
    pairs, left_out = compared()
    reasons = Counter(reason for _, reason in left_out)
    _LOG.info(
        "%d pairs; left out: %s", len(pairs), ", ".join(f"{n} {reason}" for reason, n in reasons.items())
    )
    rows = ((*place, source, target) for place, source, target in pairs)
    return files.write_rows(folder, "verses.csv", (*Reference._fields, "source", "target"), rows)


def compared() -> tuple[list[tuple[Reference, str, str]], list[tuple[Reference, str]]]:
    """(verse, English, Spanish) of the pairs, and (verse, reason) of what is left out; the latter: python -m data.bible."""
    english, spanish = _verses(ENGLISH), _verses(SPANISH)
    pairs, left_out = [], []
    for place in english | spanish:
        source, target = english.get(place, ""), spanish.get(place, "")
        reason = _reason(place, source, target)
        if not reason:
            pairs.append((place, source, target))
        elif source or target:
            left_out.append((place, reason))
    return pairs, left_out


def _reason(place: Reference, source: str, target: str) -> str:
    if any(
        (book, chapter) == place[:2] and a <= place.verse <= b for book, chapter, a, b in NUMBERED_OTHERWISE
    ):
        return "numbered otherwise"
    if not source or not target:
        return "not in both"
    shorter, longer = sorted((len(source), len(target)))
    return "merged, divided or longer in one" if longer > _LONGER * shorter else ""


def _source() -> Path:
    return Path(os.environ.get(downloads.variable(NAME)) or PACKAGE).expanduser()


def _verses(module: str) -> dict[Reference, str]:
    """The verses of the 66 books in their order, cleaned; "" where the text has none."""
    if not importlib.util.find_spec("pysword"):
        raise BadInput(f"package pysword is not installed; install it with: {READER}")
    from pysword.modules import SwordModules

    source = _source()
    modules = SwordModules(str(source))
    if not (source / "mods.d").is_dir() or module not in modules.parse_modules():
        raise BadInput(f"{source}: there is no {module} in it; install it with: {INSTALL[module]}")
    try:
        text = modules.get_bible_from_module(module)
        # pysword unpacks the whole book again for every verse.
        text._decompressed_text = functools.cache(text._decompressed_text)
    except OSError as error:
        raise BadInput(
            f"{source}: {module} cannot be read ({error}); install it with: {INSTALL[module]}"
        ) from None
    return dict(_cleaned(text))


def _cleaned(text) -> Iterator[tuple[Reference, str]]:  # type: ignore[no-untyped-def]
    from pysword.canons import canons

    structure = text.get_structure().get_books()
    for testament in ("ot", "nt"):
        names = {book[0] for book in canons["kjv"][testament]}
        for book in structure.get(testament, []):
            if book.name not in names:
                continue
            for chapter in range(1, book.num_chapters + 1):
                verses = text.get_iter(books=book.name, chapters=chapter, clean=False)
                for verse, marked in enumerate(verses, start=1):
                    yield Reference(book.name, chapter, verse), clean(marked)


def clean(marked: str) -> str:
    """The words of a verse in OSIS, without its notes and headings; what follows the end of a chapter is none of it.

    (pysword's own cleaner joins the words around a note and around words that translators added.)
    """
    words = _AFTER_CHAPTER.sub("", marked)
    words = _INSIDE_WORDS.sub("", _HEADING.sub(" ", _APPARATUS.sub(" ", words)))
    return _BESIDE_MARK.sub("", " ".join(_TAG.sub(" ", words).split()))


if __name__ == "__main__":
    for (book, chapter, verse), reason in compared()[1]:
        print(f"{book} {chapter}:{verse}\t{reason}")
