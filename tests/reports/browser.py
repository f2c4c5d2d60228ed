"""A real browser without a network; a page that writes to the console, fails, or asks for anything fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 120_000
"""Milliseconds."""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@dataclass
class Browser:
    """A running Chromium; `troubles` is what its pages complained of."""

    chromium: Any
    troubles: list[str] = field(default_factory=list)

    @contextmanager
    def page(
        self, path: Path, width: int = 1180, scheme: Literal["light", "dark"] = "light", media: str = "screen"
    ) -> Iterator[Any]:
        """Playwright's Page of a file; at the end it must have had no trouble."""
        with self._opened(("file:",), width, scheme, offline=True) as page:
            page.emulate_media(media=media)
            page.goto(path.as_uri())
            yield page

    @contextmanager
    def site(
        self,
        address: str,
        width: int = 1180,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
    ) -> Iterator[Any]:
        """Playwright's Page of an address; it may ask that server for anything, and no other."""
        server = "/".join(address.split("/")[:3]) + "/"
        with self._opened((server,), width, scheme, java_script_enabled=scripts) as page:
            page.goto(address)
            yield page

    @contextmanager
    def _opened(
        self, known: tuple[str, ...], width: int, scheme: Literal["light", "dark"], **options: Any
    ) -> Iterator[Any]:
        self.troubles.clear()
        context = self.chromium.new_context(
            viewport={"width": width, "height": 850}, color_scheme=scheme, **options
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._asked(request.url, known))
        yield page
        context.close()
        assert self.troubles == []

    def _asked(self, url: str, known: tuple[str, ...]) -> None:
        if not url.startswith((*known, "data:")):
            self.troubles.append(f"request: {url}")


@contextmanager
def running() -> Iterator[Browser]:
    """Debian's Chromium; skips the test where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(FLAGS), timeout=PATIENCE
        )
        yield Browser(chromium)
        chromium.close()
