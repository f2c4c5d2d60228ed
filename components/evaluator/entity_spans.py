"""The entities that the tags of a sentence tell; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence

Entity = tuple[str, int, int]
OUTSIDE = "O"


def entities(tags: Sequence[str]) -> set[Entity]:
    """The entities of one sentence: (kind, first token, token after the last).

    Tags are `B-kind`, `I-kind` and `O` (IOB2); an `I-` that continues nothing opens an entity, as conlleval has it
    (E. Tjong Kim Sang, F. De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003). A tag without a prefix is an
    entity with its neighbours of the same tag.
    """
    found: set[Entity] = set()
    start = 0
    kind: str | None = None
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind_here = (tag[0], tag[2:]) if tag[:2] in ("B-", "I-") else ("I", tag)
        name = None if tag == OUTSIDE else kind_here
        if kind is not None and (name != kind or prefix == "B"):
            found.add((kind, start, place))
            kind = None
        if name is not None and kind is None:
            start, kind = place, name
    return found
