"""Small SavedModels and TFLite models, built by the tests themselves.

Each builder writes one version folder (`base / "m" / "1"`), makes its parents, and returns it. `broken` and
`half_copied` write folders that cannot be loaded. Most graphs are TF1 graphs: quick to build, quick to load.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

v1 = tf.compat.v1

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def signature(
    inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], method: str = PREDICT
) -> SignatureDef:
    """A signature over tensors of the graph at hand."""
    info = v1.saved_model.build_tensor_info
    return v1.saved_model.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        method,
    )


def save_graph(
    folder: Path,
    build: Callable[[], dict[str, SignatureDef]],
    *,
    tags: Iterable[str] = ("serve",),
    as_text: bool = False,
) -> Path:
    """Saves the TF1 graph that `build` makes, with its variables, assets and tables."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    builder = v1.saved_model.Builder(str(folder))
    with v1.Session(graph=tf.Graph()) as session:
        signatures = build()
        session.run(v1.global_variables_initializer())
        builder.add_meta_graph_and_variables(
            session,
            list(tags),
            signature_def_map=signatures,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
    builder.save(as_text)
    return folder


def parsed(features: dict[str, tf.io.FixedLenFeature]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """A placeholder of serialized tf.Examples, and their features."""
    examples = v1.placeholder(tf.string, [None], name="tf_example")
    return examples, v1.parse_example(examples, features)


def half_plus_two(
    folder: Path,
    *,
    offset: float = 2.0,
    tags: Iterable[str] = ("serve",),
    as_text: bool = False,
) -> Path:
    """TF Serving's own test model: y = x/2 + 2, y2 = x/2 + 3, y3 = x2/2 + 3.

    Signatures: serving_default (predict, x float [B, 1] -> y), and over tf.Examples regress_x_to_y, regress_x_to_y2,
    classify_x_to_y (scores alone), classify_x2_to_y3; regress_x2_to_y3 takes x2 as floats, which no regression can feed.
    `offset` is what is added for y, so that versions can be told apart.
    """

    def build() -> dict[str, SignatureDef]:
        a, b, c = (
            v1.get_variable(n, initializer=value) for n, value in (("a", 0.5), ("b", offset), ("c", 3.0))
        )
        examples, features = parsed(
            {
                "x": tf.io.FixedLenFeature([1], tf.float32),
                "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
            }
        )
        x, x2 = tf.identity(features["x"], name="x"), tf.identity(features["x2"], name="x2")
        y, y2 = tf.add(a * x, b, name="y"), tf.add(a * x, c, name="y2")
        y3 = tf.add(a * x2, c, name="y3")
        return {
            "serving_default": signature({"x": x}, {"y": y}),
            "regress_x_to_y": signature({"inputs": examples}, {"outputs": y}, REGRESS),
            "regress_x_to_y2": signature({"inputs": examples}, {"outputs": y2}, REGRESS),
            "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, REGRESS),
            "classify_x_to_y": signature({"inputs": examples}, {"scores": y}, CLASSIFY),
            "classify_x2_to_y3": signature({"inputs": examples}, {"scores": y3}, CLASSIFY),
        }

    return save_graph(folder, build, tags=tags, as_text=as_text)


def half_plus_three(folder: Path) -> Path:
    """As `half_plus_two`, with y = x/2 + 3."""
    return half_plus_two(folder, offset=3.0)


class HalfPlus(tf.Module):
    """y = x/2 + offset, as a TF2 module."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.a = tf.Variable(0.5)
        self.b = tf.Variable(offset)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": self.a * x + self.b}


def half_plus_two_tf2(folder: Path, *, offset: float = 2.0) -> Path:
    """y = x/2 + 2 as a `tf.Module`: serving_default alone, x float [B] -> y."""
    module = HalfPlus(offset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.__call__})
    return folder


def half_plus_two_keras(folder: Path) -> Path:
    """y = x/2 + 2 as Keras exports it: serving_default, x float [B, 1] -> output_0."""
    import keras

    dense = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((1,), name="x"), dense])
    dense.set_weights([np.array([[0.5]], np.float32), np.array([2.0], np.float32)])
    folder.parent.mkdir(parents=True, exist_ok=True)
    model.export(str(folder), verbose=False)
    return folder


def half_plus_two_tflite(folder: Path, *, signature_defs: bool = True) -> Path:
    """y = x/2 + 2 as `model.tflite`, x float [B, 1] -> y; without `signature_defs` only tensor names are left."""
    folder.mkdir(parents=True, exist_ok=True)
    if signature_defs:
        module = tf.Module()
        module.call = tf.function(
            lambda x: {"y": x * 0.5 + 2.0}, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")]
        )
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [module.call.get_concrete_function()], module
        )
    else:
        with v1.Session(graph=tf.Graph()) as session:
            x = v1.placeholder(tf.float32, [None, 1], name="x")
            y = tf.add(x * 0.5, 2.0, name="y")
            converter = v1.lite.TFLiteConverter.from_session(session, [x], [y])
    (folder / "model.tflite").write_bytes(converter.convert())
    return folder


def classes(folder: Path) -> Path:
    """Three classes from a tf.Example's float `x` [1]: classes `cat`, `dog`, `owl`, scores x, 2x, 3x.

    Signatures: serving_default and `both` (classes and scores), `labels` (classes alone), `scores` (scores alone),
    all classify; `predict_examples` (predict, examples string [B] -> scores, classes).
    """

    def build() -> dict[str, SignatureDef]:
        examples, features = parsed({"x": tf.io.FixedLenFeature([1], tf.float32)})
        scores = tf.multiply(features["x"], tf.constant([[1.0, 2.0, 3.0]]), name="scores")
        labels = tf.tile(tf.constant([["cat", "dog", "owl"]]), [tf.shape(scores)[0], 1], name="classes")
        both = {"classes": labels, "scores": scores}
        return {
            "serving_default": signature({"inputs": examples}, both, CLASSIFY),
            "both": signature({"inputs": examples}, both, CLASSIFY),
            "labels": signature({"inputs": examples}, {"classes": labels}, CLASSIFY),
            "scores": signature({"inputs": examples}, {"scores": scores}, CLASSIFY),
            "predict_examples": signature({"examples": examples}, both),
        }

    return save_graph(folder, build)


def several(folder: Path) -> Path:
    """Inputs `a`, `b` float [B, 2] -> outputs `total`, `difference` [B, 2], `product` [B]."""

    def build() -> dict[str, SignatureDef]:
        a, b = (v1.placeholder(tf.float32, [None, 2], name=name) for name in "ab")
        outputs = {"total": a + b, "difference": a - b, "product": tf.reduce_sum(a * b, axis=1)}
        return {"serving_default": signature({"a": a, "b": b}, outputs)}

    return save_graph(folder, build)


ECHO_DTYPES = (
    tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.string, tf.complex64, tf.complex128,
)  # fmt: skip


def echo(folder: Path) -> Path:
    """Gives back what it got. Signatures: one per dtype (`float16`, ... `string`), `x` of any shape -> `x`;
    serving_default with `text` (string), `number` (int64), `flag` (bool), `image_bytes` (string), each [B] -> the same.
    """

    def build() -> dict[str, SignatureDef]:
        signatures = {}
        for dtype in ECHO_DTYPES:
            x = v1.placeholder(dtype, None, name=f"{dtype.name}_in")
            signatures[dtype.name] = signature({"x": x}, {"x": tf.identity(x, name=f"{dtype.name}_out")})
        columns = {"text": tf.string, "number": tf.int64, "flag": tf.bool, "image_bytes": tf.string}
        inputs = {name: v1.placeholder(dtype, [None], name=name) for name, dtype in columns.items()}
        outputs = {name: tf.identity(x) for name, x in inputs.items()}
        return {"serving_default": signature(inputs, outputs), **signatures}

    return save_graph(folder, build)


def row_sums(folder: Path) -> Path:
    """Rows of any length: x float [B, N] -> sum [B]; padding with zeros changes no answer."""

    def build() -> dict[str, SignatureDef]:
        x = v1.placeholder(tf.float32, [None, None], name="x")
        return {"serving_default": signature({"x": x}, {"sum": tf.reduce_sum(x, axis=1)})}

    return save_graph(folder, build)


def scalar(folder: Path) -> Path:
    """No batch dimension: x float [] -> y = x/2 + 2."""

    def build() -> dict[str, SignatureDef]:
        x = v1.placeholder(tf.float32, [], name="x")
        return {"serving_default": signature({"x": x}, {"y": x * 0.5 + 2.0})}

    return save_graph(folder, build)


def vocabulary(folder: Path) -> Path:
    """A hash table read from an asset: word string [B] -> id int64 [B] (`one`: 0, `two`: 1, others -1), and `upper`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    words = folder.parent / f"{folder.name}.words.txt"
    words.write_text("one\ntwo\n")

    def build() -> dict[str, SignatureDef]:
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=-1,
        )
        word = v1.placeholder(tf.string, [None], name="word")
        outputs = {"id": table.lookup(word), "upper": tf.strings.upper(word)}
        return {"serving_default": signature({"word": word}, outputs)}

    save_graph(folder, build)
    words.unlink()
    return folder


def positive(folder: Path) -> Path:
    """y = x/2 + 2 for x float [B]; a negative x ends in INVALID_ARGUMENT `x must not be negative`."""

    def build() -> dict[str, SignatureDef]:
        x = v1.placeholder(tf.float32, [None], name="x")
        check = v1.assert_non_negative(x, message="x must not be negative")
        with tf.control_dependencies([check]):
            return {"serving_default": signature({"x": x}, {"y": x * 0.5 + 2.0})}

    return save_graph(folder, build)


def slow(folder: Path, *, seconds: float = 0.5) -> Path:
    """y = x/2 + 2 for x float [B], after `seconds`."""

    def build() -> dict[str, SignatureDef]:
        x = v1.placeholder(tf.float32, [None], name="x")
        end = tf.timestamp() + seconds
        with tf.control_dependencies([x]):
            turns = v1.while_loop(lambda n: tf.timestamp() < end, lambda n: n + 1, [tf.constant(0)])
        with tf.control_dependencies([turns]):
            return {"serving_default": signature({"x": x}, {"y": x * 0.5 + 2.0})}

    return save_graph(folder, build)


def heavy(folder: Path, *, megabytes: int = 100) -> Path:
    """A variable of so many megabytes: index int64 [B] -> value float [B] (1.0)."""

    def build() -> dict[str, SignatureDef]:
        weights = v1.get_variable("weights", [megabytes * 2**18], initializer=v1.ones_initializer())
        index = v1.placeholder(tf.int64, [None], name="index")
        return {"serving_default": signature({"index": index}, {"value": tf.gather(weights, index)})}

    return save_graph(folder, build)


def broken(folder: Path, kind: str = "truncated") -> Path:
    """A version that cannot be loaded: `truncated` saved_model.pb, `variables` missing, `tag` (no `serve`) or `empty`."""
    if kind == "empty":
        folder.mkdir(parents=True)
        return folder
    half_plus_two(folder, tags=("train",) if kind == "tag" else ("serve",))
    if kind == "truncated":
        graph = folder / "saved_model.pb"
        graph.write_bytes(graph.read_bytes()[:-200])
    if kind == "variables":
        shutil.rmtree(folder / "variables")
    return folder


def write_warmup(folder: Path, logs: Iterable[bytes | object]) -> Path:
    """Writes PredictionLogs (or raw bytes) as the version's warm-up requests."""
    path = folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())  # type: ignore[attr-defined]
    return path
