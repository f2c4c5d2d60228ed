"""What an n-gram model of characters reaches: the bar for a neural language model.

Interpolated Witten-Bell smoothing (S. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1998, https://dash.harvard.edu/handle/1/25104739, section 2.5): the more different characters followed a
context, the more weight the shorter context has; below the empty context every character is as likely.

    python -m benchmarks.ngram bible.txt
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path


class CharacterModel:
    """Probabilities of a character after up to `order` - 1 characters, from the counts of the texts."""

    def __init__(self, texts: Sequence[str], order: int = 5) -> None:
        self._order = order
        self._counts: list[Counter[str]] = []
        self._followed: list[Counter[str]] = []
        self._kinds: list[Counter[str]] = []
        for length in range(1, order + 1):
            counts: Counter[str] = Counter()
            for text in texts:
                counts.update(text[at : at + length] for at in range(len(text) - length + 1))
            followed: Counter[str] = Counter()
            for gram, count in counts.items():
                followed[gram[:-1]] += count
            self._counts.append(counts)
            self._followed.append(followed)
            self._kinds.append(Counter(gram[:-1] for gram in counts))
        # And one that was never seen.
        self._uniform = 1 / (len(self._counts[0]) + 1)

    def probability(self, context: str, character: str) -> float:
        """P(character | the last `order` - 1 characters of context)."""
        result = self._uniform
        for length in range(min(self._order, len(context) + 1)):
            last = context[len(context) - length :]
            kinds = self._kinds[length][last]
            if not kinds:
                break
            count = self._counts[length][last + character]
            result = (count + kinds * result) / (self._followed[length][last] + kinds)
        return result

    def perplexity(self, texts: Iterable[str]) -> float:
        """How many characters are as good as equally likely, each time; each text begins without a context."""
        total = characters = 0.0
        for text in texts:
            for at, character in enumerate(text):
                context = text[max(0, at - self._order + 1) : at]
                total -= math.log(self.probability(context, character))
            characters += len(text)
        return math.exp(total / characters)


def held_out(chapters: Iterable[str], share: float = 0.1) -> tuple[list[str], list[str]]:
    """(train, held out): a chapter's own hash decides."""
    parts: tuple[list[str], list[str]] = ([], [])
    for chapter in chapters:
        fraction = int.from_bytes(hashlib.sha256(chapter.encode()).digest()[:4], "big") / 2**32
        parts[fraction < share].append(chapter)
    return parts


def main() -> None:
    train, test = held_out(Path(sys.argv[1]).read_text(encoding="utf-8").split("\n\n"))
    print(f"{sum(map(len, train)):,} characters to learn from, {sum(map(len, test)):,} held out")
    for order in range(1, 8):
        print(
            f"{order}-gram: perplexity {CharacterModel(train, order).perplexity(test):.3f} per character",
            flush=True,
        )


if __name__ == "__main__":
    main()
