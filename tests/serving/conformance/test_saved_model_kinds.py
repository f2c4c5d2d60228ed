"""SavedModels as the different ways to save one write them, in one server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.serving import models
from tests.serving.conformance.requests import predict_request, spec
from tests.serving.process import RPC_SECONDS, ServerProcess, launch, serving

pytestmark = pytest.mark.slow

MIRRORED = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(devices=("/cpu:0", "/cpu:1")).scope():
    module = tf.Module()
    module.scale = tf.Variable(1.5)
serve = tf.function(lambda x: {"y": module.scale * x}, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
tf.saved_model.save(module, sys.argv[1], signatures={"serving_default": serve})
"""

WORD_PIECES = """
import sys
import tensorflow as tf
import tensorflow_text
module = tf.Module()
module.tokenizer = tensorflow_text.FastWordpieceTokenizer(["[UNK]", "one", "##s", "two"], token_out_type=tf.int32)
@tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
def serve(x):
    return {"y": module.tokenizer.tokenize(x).to_tensor()}
tf.saved_model.save(module, sys.argv[1], signatures={"serving_default": serve})
"""


def any_shape(folder: Path) -> None:
    root = tf.train.Checkpoint(v1=tf.Variable(3.0), v2=tf.Variable(2.0))
    root.f = tf.function(lambda x: {"y": root.v1 * root.v2 * x})
    tf.saved_model.save(root, str(folder), root.f.get_concrete_function(tf.TensorSpec(None, tf.float32)))


def two_signatures(folder: Path) -> None:
    root = tf.train.Checkpoint()
    spec_of_x = [tf.TensorSpec(None, tf.float32)]
    root.f = tf.function(lambda x: {"y": tf.ones_like(x)}, input_signature=spec_of_x)
    root.g = tf.function(lambda x: {"y": 2 * tf.ones_like(x)}, input_signature=spec_of_x)
    tf.saved_model.save(root, str(folder), signatures={"serving_default": root.f, "custom": root.g})


def mirrored(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", MIRRORED, str(folder)], check=True, capture_output=True)


def word_pieces(folder: Path) -> None:
    """Operations of TensorFlow Text, which TensorFlow Serving has built in."""
    subprocess.run([sys.executable, "-c", WORD_PIECES, str(folder)], check=True, capture_output=True)


def as_text(folder: Path) -> None:
    models.half_plus_two(folder, as_text=True)


KINDS = {
    "any_shape": any_shape,
    "two_signatures": two_signatures,
    "mirrored": mirrored,
    "as_text": as_text,
    "word_pieces": word_pieces,
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("kinds")
    for name, save in KINDS.items():
        save(folder / name / "00000123")
    config = folder / "models.config"
    config.write_text(
        "model_config_list: {"
        + "".join(
            f'config: {{ name: "{n}", base_path: "{folder}/{n}", model_platform: "tensorflow" }},'
            for n in KINDS
        )[:-1]
        + "}"
    )
    arguments = "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb"
    with serving(folder, f"--model_config_file={config}", arguments) as process:
        yield process


@pytest.mark.parametrize(
    ("model", "signature", "x", "expected"),
    [
        ("any_shape", "", [2.0], [12.0]),
        ("any_shape", "", [[2.0]], [[12.0]]),
        ("two_signatures", "", [2.0], [1.0]),
        ("two_signatures", "custom", [2.0], [2.0]),
        ("mirrored", "", [[2.0]], [[3.0]]),
        ("as_text", "", [[2.0]], [[3.0]]),
        ("word_pieces", "", ["ones two", "three"], [[1, 2, 3], [0, 0, 0]]),
    ],
)
def test_answers(kinds: ServerProcess, model: str, signature: str, x: object, expected: object):
    response = kinds.prediction.Predict(
        predict_request(spec(model, signature), {"x": x}), timeout=RPC_SECONDS
    )
    (output,) = response.outputs.values()
    assert np.array_equal(tf.make_ndarray(output), np.array(expected))
    assert response.model_spec == spec(model, signature or "serving_default", version=123)


@pytest.mark.parametrize(
    ("builder", "flag", "code"),
    [("truncated", "", 1), ("variables", "", 1), ("tag", "", 1), ("tag", "--saved_model_tags=train", 0)],
)
def test_a_server_whose_only_model_is_broken_ends(tmp_path: Path, builder: str, flag: str, code: int):
    models.broken(tmp_path / "m" / "1", builder)
    server = launch(
        tmp_path,
        "--model_name=m",
        f"--model_base_path={tmp_path}/m",
        "--max_num_load_retries=0",
        *filter(None, [flag]),
    )
    try:
        if code:
            assert server.process.wait(60) == code
            assert "{name: m version: 1}" in server.log.read_text()
            assert "Traceback" not in server.log.read_text()
        else:
            server.wait_until_ready()
    finally:
        server.process.kill()
        server.process.wait(30)
        server.channel.close()
