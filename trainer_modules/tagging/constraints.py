"""Which tag may follow which, as the prefixes of IOB2 say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer_modules.tagging.crf import FORBIDDEN


def start_and_steps(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [K] and [K, K], 0 where a tag may come first or follow, FORBIDDEN where it may not.

    `I-kind` follows `B-kind` and `I-kind` alone; where the tags have no B- of a kind, its I- may come anywhere, as in
    IOB1. Tags without a prefix may follow all.
    """
    start = np.zeros(len(tags), np.float32)
    steps = np.zeros((len(tags), len(tags)), np.float32)
    known = set(tags)
    for after, tag in enumerate(tags):
        kind = tag[2:]
        if not tag.startswith("I-") or f"B-{kind}" not in known:
            continue
        start[after] = FORBIDDEN
        for before, other in enumerate(tags):
            if other not in (f"B-{kind}", f"I-{kind}"):
                steps[before, after] = FORBIDDEN
    return start, steps
