"""Texts that the model goes on with, kept with the run: what it has learnt, to be read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Generate = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
"""The signature of the exported model."""

FILE = "samples.json"
TEMPERATURES = (0.0, 0.5, 0.8, 1.0)
TOKENS = 200
_WORDS = 5
_SEED = 1


def write(generate: Generate, texts: Iterable[bytes], count: int, folder: str) -> None:
    """Write `samples.json`: `count` openings of texts, each gone on with at every temperature, and without a prompt."""
    if not count:
        return
    prompts = ["", *(opening(text) for text in itertools.islice(texts, count - 1))]
    cases = [(temperature, prompt) for temperature in TEMPERATURES for prompt in prompts]
    temperatures, asked = zip(*cases, strict=True)
    made = generate(
        {
            "prompt": tf.constant(asked),
            "length": tf.constant([TOKENS], tf.int32),
            "temperature": tf.constant(temperatures, tf.float32),
            "top_k": tf.constant([0], tf.int32),
            "seed": tf.constant([_SEED], tf.int32),
        }
    )
    found = {name: made[name].numpy() for name in ("continuation", "log_likelihood", "tokens")}
    rows: list[dict[str, Any]] = [
        {
            "temperature": temperature,
            "prompt": prompt,
            "continuation": found["continuation"][row].decode(),
            "tokens": int(found["tokens"][row]),
            "perplexity": _perplexity(found["log_likelihood"][row], found["tokens"][row]),
        }
        for row, (temperature, prompt) in enumerate(cases)
    ]
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"seed": _SEED, "samples": rows}, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def opening(text: bytes) -> str:
    """The first five words of a text."""
    return " ".join(text.decode().split(maxsplit=_WORDS)[:_WORDS])


def _perplexity(log_likelihood: np.floating[Any], tokens: np.integer[Any]) -> float | None:
    return round(float(np.exp(-log_likelihood / tokens)), 4) if tokens else None
