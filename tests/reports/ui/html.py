"""A page as its tests read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser


def rows(page: str, table: int = 0) -> list[list[str]]:
    """The cells of the body of one table of a page, as text."""
    return _read(page).tables[table]


def links(page: str) -> list[str]:
    """The addresses of all links."""
    return _read(page).links


def text(page: str) -> str:
    """What is to be read on it."""
    return re.sub(r"\s+", " ", " ".join(_read(page).texts))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self._in_body = self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag in ("tbody", "thead"):
            self._in_body = tag == "tbody"
        elif tag == "tr" and self._in_body:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self._in_body:
            self._in_cell = True
            self.tables[-1][-1].append("")
        elif tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._in_cell and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] = f"{self.tables[-1][-1][-1]} {data}".strip()


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader
