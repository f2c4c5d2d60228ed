"""What is written, against a loop over words; the same whatever the buckets, unless chance decides."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.word_pairs import buckets, making, writing
from components.word_pairs.component import WordPairs
from components.word_pairs.executor import Executor

BEAM = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--sdk_container_image=none"]
HERE = f"{__name__}.pairs_fn"
Table = Counter[tuple[int, int]]


class NextWord:
    """Each number of an example with the one after it; a weight of 0.5 each where they are added up."""

    def __init__(self, graph: str, custom_config: dict[str, Any], split: str) -> None:
        assert (graph, custom_config) == ("the graph", {"task": "embedding"})
        self.summed = split == "valid"

    def __call__(self, examples: Sequence[bytes], random: np.random.Generator) -> tuple[np.ndarray, ...]:
        found = [pair for example in examples for pair in next_words(numbers(example))]
        centres, contexts = np.array(found, np.int32).reshape(-1, 2).T
        return centres, contexts, np.full(len(found), 0.5, np.float32)


def pairs_fn(graph: str, custom_config: dict[str, Any], split: str) -> NextWord:
    return NextWord(graph, custom_config, split)


def numbers(example: bytes) -> list[int]:
    return list(tf.train.Example.FromString(example).features.feature["text_xf"].int64_list.value)


def next_words(words: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(words))


def text(words: list[int]) -> bytes:
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=words))
    return tf.train.Example(features=tf.train.Features(feature={"text_xf": feature})).SerializeToString()


def write(path: Path, texts: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as file:
        for words in texts:
            file.write(text(words))


@pytest.fixture
def texts() -> dict[str, list[list[list[int]]]]:
    """Split -> files -> texts."""
    random = np.random.default_rng(3)
    made = [random.zipf(1.5, random.integers(0, 12)).clip(0, 40).tolist() for _ in range(700)]
    return {"train": [made[:300], made[300:]], "valid": [made[:100], made[100:150]], "empty": [[[7], []]]}


def run(folder: Path, texts: dict[str, list[list[list[int]]]], name: str, seed: int = 4) -> types.Artifact:
    examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
    examples.uri, graph.uri = str(folder / "examples"), "the graph"
    examples.split_names = artifact_utils.encode_split_names(list(texts))
    for split, files in texts.items():
        for number, content in enumerate(files):
            write(folder / "examples" / f"Split-{split}" / f"part-{number}.gz", content)
    pairs = standard_artifacts.Examples()
    pairs.uri = str(folder / name)
    component = WordPairs(
        types.Channel(type=standard_artifacts.Examples),
        types.Channel(type=standard_artifacts.TransformGraph),
        HERE,
        seed,
        {"task": "embedding"},
        code="1",
    )
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM, tmp_dir=str(folder / "tmp" / name), unique_id="1"
    )
    inputs = {"examples": [examples], "transform_graph": [graph]}
    Executor(context).Do(inputs, {"pairs": [pairs]}, dict(component.exec_properties))
    return pairs


def found(pairs: types.Artifact, split: str) -> list[dict[str, list[float]]]:
    """The columns of each record by name: a map of protobuf has no order."""
    names = sorted(Path(pairs.uri, f"Split-{split}").glob("pairs-*.gz"))
    records = tf.data.TFRecordDataset([str(name) for name in names], "GZIP").as_numpy_iterator()
    return [
        {
            name: list(getattr(feature, feature.WhichOneof("kind")).value)
            for name, feature in sorted(tf.train.Example.FromString(record).features.feature.items())
        }
        for record in records
    ]


def in_order(pairs: types.Artifact, split: str) -> list[tuple[float, ...]]:
    return [row for record in found(pairs, split) for row in zip(*record.values(), strict=True)]


def table(files: list[list[list[int]]]) -> Table:
    return Counter(pair for content in files for words in content for pair in next_words(words))


@pytest.mark.parametrize("bucket_bytes", [1 << 20, 100])
def test_the_pairs_are_those_of_a_loop_over_the_words(
    bucket_bytes: int,
    texts: dict[str, list[list[list[int]]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buckets, "BUCKET_BYTES", bucket_bytes)
    monkeypatch.setattr(writing, "PAIRS_AT_ONCE", 200)
    monkeypatch.setattr(making, "EXAMPLES_AT_ONCE", 64)
    pairs = run(tmp_path, texts, "pairs")
    assert artifact_utils.decode_split_names(pairs.split_names) == ["train", "valid", "empty"]

    train = in_order(pairs, "train")
    assert set(found(pairs, "train")[0]) == {"centres", "contexts"}
    assert Counter(train) == table(texts["train"])
    assert train != [pair for content in texts["train"] for words in content for pair in next_words(words)]
    assert max(len(record["centres"]) for record in found(pairs, "train")) <= 200

    valid = in_order(pairs, "valid")
    assert {(centre, context): weight for centre, context, weight in valid} == {
        pair: count / 2 for pair, count in table(texts["valid"]).items()
    }
    assert len(valid) == len(table(texts["valid"]))
    files = list(Path(pairs.uri, "Split-train").iterdir())
    assert (len(files) == 1) == (bucket_bytes == 1 << 20)
    assert list(Path(pairs.uri, "Split-empty").iterdir()) == []


def test_the_seed_decides_the_order(texts: dict[str, list[list[list[int]]]], tmp_path: Path) -> None:
    first, again, other = (
        in_order(run(tmp_path, texts, name, seed), "train")
        for name, seed in (("first", 4), ("again", 4), ("other", 5))
    )
    assert first == again != other
    assert Counter(first) == Counter(other)


def test_equal_pairs_meet_in_one_bucket_and_buckets_are_of_similar_size() -> None:
    random = np.random.default_rng(1)
    centres, contexts = random.integers(0, 3000, (2, 50_000))
    pairs = buckets.packed(centres, contexts, np.ones(50_000))
    found = buckets.by_pair(pairs, 7)
    np.testing.assert_array_equal(found, buckets.by_pair(pairs[::-1], 7)[::-1])
    sizes = np.bincount(found, minlength=7)
    assert sizes.min() > 0.9 * 50_000 / 7
    assert sizes.max() < 1.1 * 50_000 / 7


def test_sums_are_exact_for_many_small_weights() -> None:
    pairs = buckets.packed(*np.zeros((2, 100_000), np.int32), np.full(100_000, 0.1, np.float32))
    (found,) = writing.added_up(pairs)
    assert found["weight"] == pytest.approx(10_000, rel=1e-6)
