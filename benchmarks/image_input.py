"""Training steps fed by the input pipeline of images, against the same model fed one batch from memory.

    python -m benchmarks.image_input

The sample of Fashion-MNIST, repeated, as transformed examples; simple_cnn at full width. Both sides train in turns with
the same compiled model; the ratio is memory's time over the pipeline's: 1 means that the model never waits.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer_modules import architectures
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.image_classifier_config import Augmentation
from trainer_modules.images.decoding import Form
from trainer_modules.images.examples import load, read_index

FORM = Form(28, 28, 1)
AUGMENTATION = Augmentation(flip="horizontal", shift=0.1, rotation=10, brightness=0.1)
SIDES = {
    "decoded once, in memory": (2**30, Augmentation()),
    "decoded once, augmented": (2**30, AUGMENTATION),
    "decoded in each epoch": (0, Augmentation()),
    "decoded in each epoch, augmented": (0, AUGMENTATION),
}


SAMPLE = Path(__file__).parent.parent / "data" / "fashion_mnist_sample"
CLASSES = 10
STEPS_PER_CALL = 25


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image_input", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(
        "--steps", type=int, default=200, help="steps that are measured on each side of a pair"
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=12_000)
    given = parser.parse_args()
    print("| images are | memory ms/step | pipeline ms/step | ratio | spread |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.images)
        index = read_index([f"{folder}/*.gz"], Transformed(), "label_xf")
        model = compiled()
        for name, (cache, augmentation) in SIDES.items():
            pipeline = load(index, FORM, augmentation, cache).training_batches(given.batch, seed=1)
            batch = next(iter(pipeline))
            memory = tf.data.Dataset.from_tensors(batch).repeat()
            seconds(model, memory, 2 * STEPS_PER_CALL)
            pairs = [
                (seconds(model, memory, given.steps), seconds(model, pipeline, given.steps))
                for _ in range(given.pairs)
            ]
            ratios = [alone / fed for alone, fed in pairs]
            alone, fed = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
            spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
            print(
                f"| {name} | {alone:.1f} | {fed:.1f} | {statistics.median(ratios):.2f} | {spread} |",
                flush=True,
            )


class Transformed:
    """What `read_index` asks the transform graph."""

    def transformed_feature_spec(self) -> dict[str, tf.io.FixedLenFeature]:
        return {"label_xf": tf.io.FixedLenFeature([], tf.int64)}


class Clock(keras.callbacks.Callback):
    """Times of the ends of TensorFlow's calls, of STEPS_PER_CALL steps each."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.ends.append(time.perf_counter())


def seconds(model: keras.Model, dataset: tf.data.Dataset, steps: int) -> float:
    """Seconds of a step; the first call, which waits for the pipeline to start, is left out."""
    clock = Clock()
    model.fit(dataset, steps_per_epoch=steps + STEPS_PER_CALL, epochs=1, callbacks=[clock], verbose=0)
    return (clock.ends[-1] - clock.ends[0]) / steps


def compiled() -> keras.Model:
    """The Fashion-MNIST network as the image classifier compiles it."""
    model = architectures.build(ArchitectureConfig(architecture="simple_cnn"), FORM.shape, CLASSES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile("adam", loss, metrics=[accuracy], steps_per_execution=STEPS_PER_CALL, jit_compile=False)
    return model


def write(folder: Path, count: int) -> None:
    """Write transformed examples, `count` of them, to four files."""
    packed = gzip.decompress((SAMPLE / "train-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(packed, np.uint8, offset=16).reshape(-1, *FORM.shape)
    labels = gzip.decompress((SAMPLE / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
    records = []
    for image, label in zip(images, labels, strict=True):
        png = tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
        feature = {
            "image_xf": tf.train.Feature(bytes_list=png),
            "label_xf": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        }
        records.append(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    for shard in range(4):
        with tf.io.TFRecordWriter(str(folder / f"{shard}.gz"), "GZIP") as writer:
            for number in range(shard, count, 4):
                writer.write(records[number % len(records)])


if __name__ == "__main__":
    main()
