"""Second stage: a bucket is added up or shuffled, and written."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from components.word_pairs import buckets
from components.word_pairs.making import Key

PAIRS_AT_ONCE = 65_536
FILE_PREFIX = "pairs"


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the buckets of a split are written: the split's folder and number, how many there are, and the seed."""

    folder: str
    count: int
    seed: int
    number: int


def write(key: Key, spilled: Iterable[str], target: Target) -> None:
    """Writes the file of a bucket in an order that the seed decides: whatever the order in which its parts came."""
    _, bucket, summed = key
    pairs = buckets.read(sorted(spilled))
    if summed:
        pairs = added_up(pairs)
    np.random.default_rng([target.seed, target.number, bucket, len(pairs)]).shuffle(pairs)
    path = os.path.join(target.folder, f"{FILE_PREFIX}-{bucket:05d}-of-{target.count:05d}.gz")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as file:
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            file.write(example(pairs[start : start + PAIRS_AT_ONCE], summed))


def added_up(pairs: np.ndarray) -> np.ndarray:
    """Every different pair once, by centre and context, with the sum of its weights."""
    order = np.lexsort((pairs["context"], pairs["centre"]))
    pairs = pairs[order]
    new = np.ones(len(pairs), bool)
    new[1:] = (np.diff(pairs["centre"]) != 0) | (np.diff(pairs["context"]) != 0)
    first = np.flatnonzero(new)
    found = pairs[first]
    if len(found):
        found["weight"] = np.add.reduceat(pairs["weight"].astype(np.float64), first)
    return found


def example(pairs: np.ndarray, weighted: bool) -> bytes:
    """A block of pairs as one serialized tf.Example."""
    columns = {
        "centres": tf.train.Feature(int64_list=tf.train.Int64List(value=pairs["centre"])),
        "contexts": tf.train.Feature(int64_list=tf.train.Int64List(value=pairs["context"])),
    }
    if weighted:
        columns["weights"] = tf.train.Feature(float_list=tf.train.FloatList(value=pairs["weight"]))
    return tf.train.Example(features=tf.train.Features(feature=columns)).SerializeToString()
