"""What a dictionary reaches that translates word for word: the bar for a neural translator.

The dictionary is learnt from the same pairs by IBM Model 1 (P. Brown et al., "The Mathematics of Statistical Machine
Translation", 1993, https://aclanthology.org/J93-2003): each word becomes its most likely translation, in the order of
the source; a word that was never seen stays as it is.

    python -m benchmarks.word_for_word verses.csv
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sacrebleu

from benchmarks.ngram import held_out

_TOKEN = re.compile(r"\w+|[^\w\s]")
_BEFORE_MARK = re.compile(r" (?=[,.;:?!)’”])|(?<=[(¿¡“‘]) ")
_NULL = ""


def dictionary(pairs: Sequence[tuple[str, str]], rounds: int = 5) -> dict[str, str]:
    """Source word in lower case -> most likely target word, after `rounds` of expectation maximisation."""
    sources: dict[str, int] = {_NULL: 0}
    targets: dict[str, int] = {}
    words, positions, place = [], [], 0
    translations = []
    for source, target in pairs:
        left = np.array([0, *(sources.setdefault(w, len(sources)) for w in _TOKEN.findall(source.lower()))])
        right = np.array(
            [targets.setdefault(w, len(targets)) for w in _TOKEN.findall(target)], dtype=np.int64
        )
        words.append(np.tile(left, len(right)))
        translations.append(np.repeat(right, len(left)))
        positions.append(np.repeat(np.arange(place, place + len(right), dtype=np.int32), len(left)))
        place += len(right)
    position = np.concatenate(positions)
    links = np.concatenate(words) * len(targets) + np.concatenate(translations)
    kinds, link = np.unique(links, return_inverse=True)
    link = link.astype(np.int32)
    word = kinds // len(targets)
    likely = np.ones(len(kinds))
    for _ in range(rounds):
        share = likely[link]
        share /= np.bincount(position, share)[position]
        expected = np.bincount(link, share)
        likely = expected / np.bincount(word, expected)[word]
    # The likeliest link of each word stands last.
    order = np.lexsort((likely, word))
    last = order[np.flatnonzero(np.diff(word[order], append=-1))]
    names, spoken = list(sources), list(targets)
    return {names[word[at]]: spoken[kinds[at] % len(targets)] for at in last if word[at]}


def translate(text: str, words: dict[str, str]) -> str:
    """The text word for word."""
    return _BEFORE_MARK.sub("", " ".join(words.get(word.lower(), word) for word in _TOKEN.findall(text)))


def bleu(pairs: Sequence[tuple[str, str]], words: dict[str, str]) -> float:
    """Corpus BLEU (sacrebleu's own tokens, case counts) of the dictionary on the pairs."""
    translations = [translate(source, words) for source, _ in pairs]
    return float(sacrebleu.corpus_bleu(translations, [[target for _, target in pairs]]).score)


def main() -> None:
    chapters: dict[str, list[tuple[str, str]]] = {}
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            chapters.setdefault(f"{row['book']} {row['chapter']}", []).append((row["source"], row["target"]))
    train, test = ([pair for name in part for pair in chapters[name]] for part in held_out(chapters))
    words = dictionary(train)
    print(f"{len(train):,} pairs to learn from, {len(test):,} held out; a dictionary of {len(words):,} words")
    print(f"word for word: BLEU {bleu(test, words):.2f}; the source untranslated: BLEU {bleu(test, {}):.2f}")
    for source, target in test[:3]:
        print(f"  {source}\n  -> {translate(source, words)}\n  == {target}")


if __name__ == "__main__":
    main()
