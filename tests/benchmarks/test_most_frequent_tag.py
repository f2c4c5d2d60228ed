"""The most frequent tag of each word, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks import most_frequent_tag

TRAIN = [
    (["Ann", "Lee"], ["B-Given", "B-Sur"]),
    (["ann", "Ann"], ["B-Given", "B-Sur"]),
    (["Lee"], ["B-Sur"]),
    (["Bo", "Lee"], ["B-Given", "B-Given"]),
    (["Dam"], ["B-Sur"]),
    (["Dam"], ["B-Sur"]),
]


def test_words_get_their_most_frequent_tag_and_unknown_ones_that_of_all() -> None:
    learnt = most_frequent_tag.fit(TRAIN)
    assert learnt == {"ann": "B-Given", "lee": "B-Sur", "bo": "B-Given", "dam": "B-Sur", "": "B-Sur"}
    # Of three entities two are found, Zoe is taken for a surname.
    held_out = [(["ANN", "Dam"], ["B-Given", "B-Sur"]), (["Zoe"], ["B-Given"])]
    assert most_frequent_tag.entity_f1(learnt, held_out) == pytest.approx(2 / 3)


def test_sentences_of_an_artifact(tmp_path: Path) -> None:
    def strings(values: list[str]) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))

    (tmp_path / "Split-eval").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "Split-eval" / "data.gz"), "GZIP") as writer:
        for words, tags in TRAIN:
            features = {"tokens": strings(words), "tags": strings(tags)}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    assert most_frequent_tag.sentences(tmp_path, "eval") == TRAIN
