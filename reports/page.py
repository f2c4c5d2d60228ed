"""One self-contained HTML page: templates that escape all values, a style for light, dark, paper and phones.

There is no script in a page and none may run: its Content-Security-Policy allows its own styles and pictures within it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports import words

_NOTHING = Markup()
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A part of a page; `empty` says in a sentence why there is nothing to show, and stands in the place of `html`."""

    id: str
    title: str
    html: Markup = _NOTHING
    empty: str = ""


def render(template: str, **values: Any) -> Markup:
    """A template of `reports/templates` with these values; everything in it is escaped but Markup.

    Filters: `number`, `percent`, `count`, `seconds`, `size`, `moment`, `short` (see `reports.words`).
    """
    return Markup(_environment().get_template(template).render(values))


def page(title: str, sections: Sequence[Section], subtitle: str = "", head: Markup | None = None) -> str:
    """The whole page as HTML.

    Args:
      title: its title and heading.
      sections: its parts, in their order; each has an entry in the navigation.
      subtitle: one line below the heading.
      head: what stands between the heading and the sections.
    """
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    values = {"title": title, "subtitle": subtitle, "head": head or "", "sections": sections, "style": style}
    return str(render("page.html", **values))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "percent", "count", "seconds", "size", "moment", "short"):
        environment.filters[name] = getattr(words, name)
    return environment
