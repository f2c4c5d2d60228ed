"""Small images as files, and runs of the component on them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.columnar_example_gen import inputs
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.driver import Driver
from components.image_example_gen.executor import Executor

BEAM = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--no_pipeline_type_check"]
BEAM += ["--sdk_container_image=none"]
SPLITS = {"train": 7, "valid": 1, "eval": 2}


def pixels(seed: int, height: int = 12, width: int = 10, channels: int = 3) -> np.ndarray:
    """Random fields of 4 x 4 pixels: different seeds are no near-duplicates."""
    fields = np.random.default_rng(seed).integers(0, 256, (-(-height // 4), -(-width // 4), channels))
    large = fields.repeat(4, axis=0).repeat(4, axis=1)[:height, :width].astype(np.uint8)
    return large[..., 0] if channels == 1 else large


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def write_file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_classes(folder: Path, classes: Sequence[str] = ("cat", "dog"), count: int = 30) -> Path:
    """A folder per class with `count` PNGs of random pixels."""
    for number, name in enumerate(classes):
        for index in range(count):
            write_file(folder / name / f"{index:02d}.png", encoded(pixels(1000 * number + index)))
    return folder


def context(folder: Path) -> Any:
    return base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(BEAM), tmp_dir=str(folder), unique_id="1"
    )


def run(
    path: Path, out: Path, splits: dict[str, int] | None = None, **reader: Any
) -> standard_artifacts.Examples:
    """The examples of a run of driver and executor, without the launcher."""
    reader = {"images": "folders", "task": "multiclass", **reader}
    component = ImageExampleGen(*inputs.locate(path), reader, splits or SPLITS)
    properties = Driver(None).resolve_exec_properties(dict(component.exec_properties), None, None)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(out / "examples")
    Executor(context(out / "tmp")).Do({}, {"examples": [artifact]}, properties)
    return artifact


def records(examples: types.Artifact) -> dict[str, list[dict[str, Any]]]:
    """Split -> its examples in their order, as name -> value."""
    found = {}
    for split in artifact_utils.decode_split_names(examples.split_names):
        paths = sorted(tf.io.gfile.glob(os.path.join(artifact_utils.get_split_uri([examples], split), "*")))
        stored = tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator()
        found[split] = [values(record) for record in stored]
    return found


def values(record: bytes) -> dict[str, Any]:
    """Feature -> its only value, None where there is none."""
    features = tf.train.Example.FromString(record).features.feature
    found = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        (found[name],) = getattr(feature, kind).value if kind else (None,)
    return found


def flat(found: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """File name -> its example with the split."""
    return {
        example["file_name"].decode(): {**example, "split": split}
        for split, examples in found.items()
        for example in examples
    }
