"""What a classic model reaches on the same splits of the same texts: the bar for a pipeline's model.

It learns from `train` (and chooses its regularisation on `valid`), and is measured on `eval`, as the pipelines are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks import example_rows, most_frequent_tag, word_for_word
from benchmarks.baselines import STRENGTHS
from benchmarks.ngram import CharacterModel
from pipeline.home import Home
from pipeline.sections import Config

NGRAM = 5


def held_out(config: Config, home: Home) -> dict[str, float]:
    """Metric -> value on the eval split, of the baseline of the pipeline's task; empty for a task without one."""
    examples = example_rows.folder_of(home, config.name)
    match config.task:
        case "binary" | "multiclass":
            return bag_of_words(examples, config.labels[0])
        case "tagging":
            learnt = most_frequent_tag.fit(most_frequent_tag.sentences(examples, "train"))
            bar = most_frequent_tag.entity_f1(learnt, most_frequent_tag.sentences(examples, "eval"))
            return {"entity_f1": bar}
        case "language_model":
            return {"perplexity": characters(examples, NGRAM)}
        case "translation":
            words = word_for_word.dictionary(list(_pairs(examples, "train")))
            return {"bleu": word_for_word.bleu(list(_pairs(examples, "eval")), words)}
        case _:
            return {}


def bag_of_words(examples: Path, label: str, text: str = "text") -> dict[str, float]:
    """Accuracy of a logistic regression on the TF-IDF weights of words and pairs of words."""
    texts, labels = {}, {}
    for split in ("train", "valid", "eval"):
        rows = list(example_rows.of_split(examples, split))
        texts[split] = [" ".join(row[text]) for row in rows]
        labels[split] = [row[label][0] for row in rows]
    fitted = [
        make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=strength, max_iter=1000),
        ).fit(texts["train"], labels["train"])
        for strength in STRENGTHS
    ]
    best = max(fitted, key=lambda model: model.score(texts["valid"], labels["valid"]))
    return {"accuracy": float(best.score(texts["eval"], labels["eval"]))}


def characters(examples: Path, order: int, text: str = "text") -> float:
    """Perplexity per character of an n-gram model of so many characters."""
    train, test = ([row[text][0] for row in example_rows.of_split(examples, s)] for s in ("train", "eval"))
    return CharacterModel(train, order).perplexity(test)


def _pairs(examples: Path, split: str) -> Iterable[tuple[str, str]]:
    return ((row["source"][0], row["target"][0]) for row in example_rows.of_split(examples, split))
