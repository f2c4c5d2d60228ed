"""Which tag may come first, and which may follow which."""

from __future__ import annotations

from trainer_modules.tagging.constraints import start_and_steps

TAGS = ["B-LOC", "B-PER", "I-PER", "O"]


def test_inside_follows_its_own_kind_alone() -> None:
    start, steps = start_and_steps(TAGS)
    assert [tag for tag, cost in zip(TAGS, start, strict=True) if cost == 0] == ["B-LOC", "B-PER", "O"]
    before_inside = [tag for tag, cost in zip(TAGS, steps[:, TAGS.index("I-PER")], strict=True) if cost == 0]
    assert before_inside == ["B-PER", "I-PER"]
    assert not steps[:, [0, 1, 3]].any()


def test_other_schemes_are_free() -> None:
    for tags in (["GivenName", "Surname"], ["I-PER", "O"]):
        start, steps = start_and_steps(tags)
        assert not start.any()
        assert not steps.any()
