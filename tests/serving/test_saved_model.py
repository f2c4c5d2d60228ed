"""SavedModels of every kind through one session, and those that cannot be loaded."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving import saved_model
from serving.errors import ServingError
from serving.saved_model import SavedModel, load_saved_model
from tests.serving import models


def answer(
    servable: SavedModel, *, signature: str = "serving_default", **inputs: np.ndarray
) -> dict[str, np.ndarray]:
    """One signature by the aliases of its inputs and outputs."""
    definition = servable.signatures[signature]
    feeds = {definition.inputs[alias].name: value for alias, value in inputs.items()}
    outputs = sorted(definition.outputs)
    return dict(
        zip(outputs, servable.run(feeds, [definition.outputs[alias].name for alias in outputs]), strict=True)
    )


def text(*values: bytes) -> np.ndarray:
    return np.array(values, dtype=object)


X = np.array([[1.0], [2.0], [5.0]], np.float32)


@pytest.mark.parametrize(
    ("build", "x", "output"),
    [
        (models.half_plus_two, X, "y"),
        (models.half_plus_two_tf2, X[:, 0], "y"),
        (models.half_plus_two_keras, X, "output_0"),
    ],
)
def test_tf1_tf2_and_keras(tmp_path: Path, build: Callable[[Path], Path], x: np.ndarray, output: str):
    servable = load_saved_model(build(tmp_path / "1"))
    answers = answer(servable, x=x)
    np.testing.assert_allclose(answers[output], x / 2 + 2)
    assert answers[output].dtype == np.float32
    servable.close()


def test_signatures_are_those_of_the_file(tmp_path: Path):
    servable = load_saved_model(models.half_plus_two(tmp_path / "1", as_text=True))
    assert sorted(servable.signatures) == [
        "classify_x2_to_y3",
        "classify_x_to_y",
        "regress_x2_to_y3",
        "regress_x_to_y",
        "regress_x_to_y2",
        "serving_default",
    ]
    signature = servable.signatures["regress_x_to_y"]
    assert signature.method_name == "tensorflow/serving/regress"
    assert signature.inputs["inputs"].name == "tf_example:0"
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    outputs = answer(servable, signature="regress_x_to_y", inputs=text(example.SerializeToString()))
    assert outputs["outputs"].tolist() == [[3.0]]
    servable.close()


def test_tables_assets_and_strings(tmp_path: Path):
    folder = models.vocabulary(tmp_path / "m" / "1")
    assert list((folder / "assets").iterdir())
    servable = load_saved_model(folder.rename(tmp_path / "moved"))
    outputs = answer(servable, word=text(b"two", b"one", b"three"))
    assert outputs["id"].tolist() == [1, 0, -1]
    assert outputs["upper"].tolist() == [b"TWO", b"ONE", b"THREE"]
    assert outputs["upper"].dtype == object
    servable.close()


def test_every_dtype_and_shape_comes_back_as_it_went_in(tmp_path: Path):
    servable = load_saved_model(models.echo(tmp_path / "1"))
    for dtype in models.ECHO_DTYPES:
        if dtype is tf.string:
            values = np.array([[b"a\0b\xff\0", b""]], dtype=object)
        else:
            values = np.array([[1, 0, 1]]).astype(dtype.as_numpy_dtype)
        for x in (values, values[0, 0], values[:0], values[:, ::2]):
            x = np.asarray(x, dtype=values.dtype)
            (y,) = answer(servable, signature=dtype.name, x=x).values()
            assert isinstance(y, np.ndarray)
            assert (y.dtype, y.shape) == (x.dtype, x.shape)
            assert y.tolist() == x.tolist()
    servable.close()


@pytest.mark.parametrize(
    ("b", "shape"),
    [(np.ones((1, 3), np.float32), "[1,3]"), (np.ones(2, np.float32), "[2]"), (np.float32(1), "[]")],
)
def test_a_shape_that_the_signature_rules_out(tmp_path: Path, b: np.ndarray, shape: str):
    servable = load_saved_model(models.several(tmp_path / "1"))
    with pytest.raises(ServingError) as caught:
        answer(servable, a=np.ones((1, 2), np.float32), b=np.asarray(b))
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == f"Input b has the shape [?,2] in the signature, {shape} was sent"
    servable.close()


def test_a_wrong_shape_that_would_broadcast_gets_no_answer(tmp_path: Path):
    servable = load_saved_model(models.half_plus_two_tf2(tmp_path / "1"))
    with pytest.raises(
        ServingError, match=r"Input x has the shape \[\?\] in the signature, \[3,1\] was sent"
    ):
        answer(servable, x=X)
    assert answer(servable, x=X[:0, 0])["y"].shape == (0,)
    servable.close()


def test_a_tensor_inside_the_graph_takes_what_its_readers_take(tmp_path: Path):
    """TF Serving's first example asks half_plus_two, whose x is [?,1], with [3]."""
    servable = load_saved_model(models.half_plus_two(tmp_path / "1"))
    assert answer(servable, x=X[:, 0])["y"].tolist() == [2.5, 3.0, 4.5]
    servable.close()


def test_outputs_come_in_the_order_that_is_asked_for(tmp_path: Path):
    servable = load_saved_model(models.several(tmp_path / "1"))
    feeds = {"b:0": np.array([[3.0, 4.0]], np.float32), "a:0": np.array([[1.0, 2.0]], np.float32)}
    assert [y.tolist() for y in servable.run(feeds, ["sub:0", "add:0", "sub:0"])] == [
        [[-2.0, -2.0]],
        [[4.0, 6.0]],
        [[-2.0, -2.0]],
    ]
    assert servable.run(feeds, []) == []
    servable.close()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([1.0, -1.0], np.float32), "x must not be negative"),
        (np.array([1.0]), "actual double vs. expect float"),
        (np.array(["one"], dtype=object), "actual string vs. expect float"),
    ],
)
def test_errors_of_the_graph_have_tensorflows_code_and_words(tmp_path: Path, x: np.ndarray, message: str):
    servable = load_saved_model(models.positive(tmp_path / "1"))
    with pytest.raises(ServingError, match=message) as error:
        answer(servable, x=x)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Traceback" not in error.value.message
    assert ".py" not in error.value.message
    assert answer(servable, x=np.array([2.0], np.float32))["y"].tolist() == [3.0]
    servable.close()


def test_a_tensor_that_is_not_in_the_graph(tmp_path: Path):
    servable = load_saved_model(models.scalar(tmp_path / "1"))
    for feeds, fetches in (({"nope:0": X}, ["add:0"]), ({"x:0": X[0, 0]}, ["nope:0"])):
        with pytest.raises(ServingError, match="nope:0") as error:
            servable.run(feeds, fetches)
        assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    servable.close()


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("truncated", grpc.StatusCode.DATA_LOSS, "Can't parse {path}/saved_model.pb as binary proto"),
        ("variables", grpc.StatusCode.NOT_FOUND, "Could not find the variables at {path}/variables"),
        (
            "tag",
            grpc.StatusCode.NOT_FOUND,
            "Could not find meta graph def matching supplied tags: {{ serve }}. To inspect available tag-sets "
            "in the SavedModel, please use the SavedModel CLI: `saved_model_cli`",
        ),
        (
            "empty",
            grpc.StatusCode.NOT_FOUND,
            "Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. "
            "Check that the directory exists and that you have the right permissions for accessing it.",
        ),
    ],
)
def test_versions_that_cannot_be_loaded(tmp_path: Path, kind: str, code: grpc.StatusCode, message: str):
    path = models.broken(tmp_path / "1", kind)
    with pytest.raises(ServingError) as error:
        load_saved_model(path)
    assert error.value.code is code
    assert error.value.message == message.format(path=path)


def test_cut_off_variables(tmp_path: Path):
    path = models.half_plus_two(tmp_path / "1")
    (data,) = (path / "variables").glob("variables.data*")
    data.write_bytes(data.read_bytes()[:2])
    with pytest.raises(ServingError) as error:
        load_saved_model(path)
    assert error.value.code in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.DATA_LOSS)


def test_other_tags(tmp_path: Path):
    path = models.half_plus_two(tmp_path / "1", tags=("serve", "gpu"))
    with pytest.raises(ServingError, match=r"matching supplied tags: \{ serve \}"):
        load_saved_model(path)
    servable = load_saved_model(path, ("serve", "gpu"), intra_op_threads=1, inter_op_threads=1)
    assert answer(servable, x=X)["y"].tolist() == [[2.5], [3.0], [4.5]]
    servable.close()


def test_many_threads_and_many_output_filters_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(saved_model, "MAX_CALLABLES", 2)
    servable = load_saved_model(models.several(tmp_path / "1"))
    filters = [["add:0"], ["sub:0"], ["Sum:0"], ["add:0", "sub:0"], ["sub:0", "add:0"]]
    together = threading.Barrier(8)

    def client(number: int) -> None:
        together.wait(20)
        for turn in range(200):
            a = np.full((1, 2), number, np.float32)
            b = np.full((1, 2), turn, np.float32)
            expected = {"add:0": (a + b), "sub:0": (a - b), "Sum:0": (a * b).sum(axis=1)}
            fetches = filters[(number + turn) % len(filters)]
            for name, value in zip(fetches, servable.run({"a:0": a, "b:0": b}, fetches), strict=True):
                np.testing.assert_array_equal(value, expected[name])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    assert len(servable._callables) == 2
    servable.close()


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def references(session: tf.compat.v1.Session) -> list[weakref.ref]:
    return [weakref.ref(session), weakref.ref(session.graph)]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is freed is freed without the garbage collector, which would come too late for a large model."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_closing_frees_the_memory(tmp_path: Path):
    path = models.heavy(tmp_path / "1", megabytes=200)

    def load_and_close() -> None:
        servable = load_saved_model(path)
        assert answer(servable, index=np.array([7], np.int64))["value"].tolist() == [1.0]
        servable.close()

    load_and_close()
    before = resident_megabytes()
    for _ in range(5):
        load_and_close()
    assert resident_megabytes() - before < 300


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("build", [models.half_plus_two, models.half_plus_two_keras, models.vocabulary])
def test_closing_frees_session_and_graph(tmp_path: Path, build: Callable[[Path], Path]):
    servable = load_saved_model(build(tmp_path / "1"))
    kept = references(servable._session)
    x = np.array([b"one"], dtype=object) if build is models.vocabulary else X
    (alias,) = servable.signatures["serving_default"].inputs
    answer(servable, **{alias: x})
    servable.close()
    assert [each() for each in kept] == [None, None]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("kind", ["variables", "truncated", "tag"])
def test_failed_loads_free_session_and_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    path = models.broken(tmp_path / "1", kind)
    kept: list[weakref.ref] = []
    make = tf.compat.v1.Session

    def recording(*args: object, **kwargs: object) -> tf.compat.v1.Session:
        session = make(*args, **kwargs)
        kept.extend(references(session))
        return session

    monkeypatch.setattr(tf.compat.v1, "Session", recording)
    with pytest.raises(ServingError):
        load_saved_model(path)
    assert [each() for each in kept] == [None, None]
