"""TFLite models: signatures from three places, shapes, several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flatbuffers
import grpc
import numpy as np
import pytest
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.lite.python import schema_py_generated as schema

from serving.errors import ServingError
from serving.tflite import TfLite, load_tflite
from tests.serving import models

X = np.array([[1.0], [2.0], [5.0]], np.float32)


def answer(
    servable: TfLite, signature: str = "serving_default", **inputs: np.ndarray
) -> dict[str, np.ndarray]:
    definition = servable.signatures[signature]
    feeds = {definition.inputs[alias].name: value for alias, value in inputs.items()}
    outputs = sorted(definition.outputs)
    return dict(
        zip(outputs, servable.run(feeds, [definition.outputs[alias].name for alias in outputs]), strict=True)
    )


def with_metadata(folder: Path, signatures: dict[str, SignatureDef]) -> Path:
    """Writes signatures as TF Serving's own tools did."""
    file = folder / "model.tflite"
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file.read_bytes(), 0))
    content = flexbuffers.Dumps({key: each.SerializeToString() for key, each in signatures.items()})
    buffer, metadata = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(bytes(content), np.uint8)
    metadata.name, metadata.buffer = "signature_defs_metadata", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), metadata]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(builder.Output())
    return folder


def test_signatures_of_the_file(tmp_path: Path):
    servable = load_tflite(models.half_plus_two_tflite(tmp_path / "1"))
    signature = servable.signatures["serving_default"]
    assert list(signature.inputs) == ["x"]
    assert list(signature.outputs) == ["y"]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs["x"].dtype == tf.float32.as_datatype_enum
    assert [dim.size for dim in signature.inputs["x"].tensor_shape.dim] == [-1, 1]
    assert answer(servable, x=X)["y"].tolist() == [[2.5], [3.0], [4.5]]
    servable.close()


def test_a_file_without_signatures_has_one_of_its_tensors(tmp_path: Path):
    servable = load_tflite(models.half_plus_two_tflite(tmp_path / "1", signature_defs=False))
    signature = servable.signatures["serving_default"]
    assert signature.inputs["x"].name == "x"
    assert signature.outputs["y"].name == "y"
    assert answer(servable, x=X)["y"].tolist() == [[2.5], [3.0], [4.5]]
    servable.close()


def test_a_signature_in_the_metadata(tmp_path: Path):
    definition = SignatureDef(method_name="tensorflow/serving/regress")
    definition.inputs["given"].name = "x:0"
    definition.outputs["answer"].name = "y:0"
    folder = with_metadata(
        models.half_plus_two_tflite(tmp_path / "1", signature_defs=False), {"serving_default": definition}
    )
    servable = load_tflite(folder)
    signature = servable.signatures["serving_default"]
    assert signature.method_name == "tensorflow/serving/regress"
    assert (list(signature.inputs), list(signature.outputs)) == (["given"], ["answer"])
    assert answer(servable, given=X)["answer"].tolist() == [[2.5], [3.0], [4.5]]
    servable.close()

    definition.inputs["given"].name = "z:0"
    folder = with_metadata(
        models.half_plus_two_tflite(tmp_path / "2", signature_defs=False), {"serving_default": definition}
    )
    with pytest.raises(ServingError, match="Cannot find signature def name from tflite tensor x"):
        load_tflite(folder)
    folder = with_metadata(
        models.half_plus_two_tflite(tmp_path / "3", signature_defs=False), {"a": definition, "b": definition}
    )
    with pytest.raises(ServingError, match="Multiple SignatureDefs found in TfLite model"):
        load_tflite(folder)


def test_several_signatures_inputs_and_strings(tmp_path: Path):
    module = tf.Module()
    pair = [tf.TensorSpec([None], tf.int64, name="a"), tf.TensorSpec([None], tf.int64, name="b")]
    module.add = tf.function(lambda a, b: {"total": a + b, "difference": a - b}, input_signature=pair)
    module.pick = tf.function(
        lambda word: {"words": tf.gather(word, [2, 0, 1, 0])},
        input_signature=[tf.TensorSpec([None], tf.string, name="word")],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"add": module.add, "pick": module.pick})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.tflite").write_bytes(converter.convert())
    servable = load_tflite(tmp_path / "1")
    assert sorted(servable.signatures) == ["add", "pick"]
    outputs = answer(servable, "add", a=np.array([5, 2**40]), b=np.array([3, 1]))
    assert outputs["total"].tolist() == [8, 2**40 + 1]
    assert outputs["difference"].tolist() == [2, 2**40 - 1]
    words = np.array([b"a\0b\xff", b"", b"long enough"], dtype=object)
    assert answer(servable, "pick", word=words)["words"].tolist() == [words[2], words[0], words[1], words[0]]
    servable.close()


def test_batches_of_any_size_one_after_the_other(tmp_path: Path):
    for signature_defs in (True, False):
        folder = models.half_plus_two_tflite(tmp_path / str(signature_defs), signature_defs=signature_defs)
        servable = load_tflite(folder)
        for size in (1, 7, 2, 0, 300):
            x = np.arange(size, dtype=np.float32)[:, None]
            np.testing.assert_allclose(answer(servable, x=x)["y"], x / 2 + 2)
        with pytest.raises(
            ServingError, match="Got value of type FLOAT64 but expected type FLOAT32"
        ) as error:
            answer(servable, x=X.astype(np.float64))
        assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(ServingError, match="Missing TFLite tensor: nope"):
            servable.run({"nope": X}, ["y"])
        assert answer(servable, x=X)["y"].tolist() == [[2.5], [3.0], [4.5]]
        servable.close()


def test_shapes_that_the_operations_cannot_take(tmp_path: Path):
    module = tf.Module()
    module.weights = tf.Variable(tf.ones([3, 2]))
    module.call = tf.function(
        lambda x: {"y": x @ module.weights}, input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    servable = load_tflite(tmp_path)
    for shape in ((2, 5), (5,)):
        with pytest.raises(ServingError, match="Failed to run interpreter") as error:
            answer(servable, x=np.ones(shape, np.float32))
        assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer(servable, x=np.ones((2, 3), np.float32))["y"].tolist() == [[3.0, 3.0], [3.0, 3.0]]
    servable.close()


def test_many_threads_share_the_interpreters(tmp_path: Path):
    servable = load_tflite(models.half_plus_two_tflite(tmp_path / "1"), 2)

    def client(number: int) -> None:
        for turn in range(100):
            x = np.full((1 + (number + turn) % 3, 1), number * turn, np.float32)
            np.testing.assert_allclose(answer(servable, x=x)["y"], x / 2 + 2)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(client, range(6)))
    servable.close()


def test_files_that_are_no_model(tmp_path: Path):
    with pytest.raises(ServingError, match=r"Could not find model\.tflite") as error:
        load_tflite(tmp_path)
    assert error.value.code is grpc.StatusCode.NOT_FOUND
    content = (models.half_plus_two_tflite(tmp_path / "1") / "model.tflite").read_bytes()
    for cut in (0, 3, 20, len(content) // 2):
        (tmp_path / "model.tflite").write_bytes(content[:cut])
        with pytest.raises(ServingError, match="Cannot build an interpreter from") as error:
            load_tflite(tmp_path)
        assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
