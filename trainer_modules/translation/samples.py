"""Translations of some pairs of the valid split, kept with the run: what they look like, and who is at fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sacrebleu
import tensorflow as tf

from common import attention_picture
from trainer_modules.translation.error_analysis import faults
from trainer_modules.translation.examples import Texts
from trainer_modules.translation.export import TranslationModule

FILE = "translations.json"
PICTURES = 4
"""How many of them come with a picture of their attention."""
_AT_ONCE = 32


def write(module: TranslationModule, texts: Texts, source: str, label: str, count: int, folder: str) -> None:
    """Translate `count` pairs, spread over the split, and write `translations.json` with BLEU and the error analysis.

    Beside it, `attention-1.png` and so on show what the first ones looked at.
    """
    step = max(1, len(texts.targets) // max(count, 1))
    chosen = range(0, len(texts.targets), step)[:count]
    if not chosen:
        return
    judge = tf.function(
        lambda sources, targets: module.judge({f"{source}_xf": sources, f"{label}_xf": targets}),
        input_signature=[tf.TensorSpec([None], tf.string)] * 2,
    )
    rows: list[dict[str, Any]] = []
    for first in range(0, len(chosen), _AT_ONCE):
        block = chosen[first : first + _AT_ONCE]
        sources, targets = [texts.sources[i] for i in block], [texts.targets[i] for i in block]
        found = {
            name: value.numpy() for name, value in judge(tf.constant(sources), tf.constant(targets)).items()
        }
        for i in range(len(block)):
            rows.append(
                {
                    "source": sources[i].decode(errors="replace"),
                    "reference": targets[i].decode(errors="replace"),
                    "translation": found["translation"][i].decode(errors="replace"),
                    "score": round(float(found["score"][i]), 5),
                    "reference_score": round(float(found["reference_score"][i]), 5),
                }
            )
    translations, references = ([row[name] for row in rows] for name in ("translation", "reference"))
    blamed = faults(
        translations, references, [row["score"] for row in rows], [row["reference_score"] for row in rows]
    )
    record = {
        "bleu": round(sacrebleu.corpus_bleu(translations, [references]).score, 2),
        "exact_match": round(1 - blamed.differ / blamed.sentences, 4),
        "sentences": blamed.sentences,
        "search_at_fault": blamed.search,
        "model_at_fault": blamed.model,
        "samples": rows,
    }
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    _draw(module, [texts.sources[i] for i in chosen[:PICTURES]], path.parent)


def _draw(module: TranslationModule, sources: list[bytes], folder: Path) -> None:
    found = {name: value.numpy() for name, value in module.looked_at(tf.constant(sources)).items()}
    for number, (weights, *sides) in enumerate(
        zip(found["attention"], found["source_tokens"], found["target_tokens"], strict=True), start=1
    ):
        source, target = ([token.decode(errors="replace") for token in side if token] for side in sides)
        if source and target:
            picture = folder / f"attention-{number}.png"
            attention_picture.save(picture, source, target, weights[: len(target), : len(source)])
