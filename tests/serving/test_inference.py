from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from serving.classify import classification_fetches, fill_classifications
from serving.errors import ServingError
from serving.examples import example_count, serialized_examples
from serving.inference import check_method_names, predict_arrays
from serving.plans import Plan, plan_of
from serving.regress import fill_regressions, regression_fetches
from serving.versions import Served

FLOAT = tf.float32.as_datatype_enum
STRING = tf.string.as_datatype_enum


class Recording:
    """A runner that answers every fetch with its own name, and keeps what it was fed."""

    def __init__(self) -> None:
        self.feeds: list[Mapping[str, np.ndarray]] = []

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        self.feeds.append(feeds)
        return [np.array([name.encode()], object) for name in fetches]

    async def close(self) -> None: ...


def signature(
    inputs: Mapping[str, int], outputs: Sequence[str], method: str = "tensorflow/serving/predict"
) -> SignatureDef:
    made = SignatureDef(method_name=method)
    for alias, dtype in inputs.items():
        made.inputs[alias].name = f"in_{alias}:0"
        made.inputs[alias].dtype = dtype
    for alias in outputs:
        made.outputs[alias].name = f"out_{alias}:0"
    return made


def served(made: SignatureDef | None = None, **others: SignatureDef) -> Served:
    made = made or signature({"a": FLOAT, "b": STRING}, ["y", "z"])
    return Served("m", 7, {"serving_default": made, **others}, Recording())


def run(
    version: Served, name: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    return asyncio.run(predict_arrays(version, name, inputs, outputs))


def refusal(
    version: Served, name: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
) -> tuple[str, str]:
    with pytest.raises(ServingError) as error:
        run(version, name, inputs, outputs)
    return error.value.code.name, error.value.message


A = np.zeros([2], np.float32)
B = np.array([b"s", b"t"], object)


@pytest.fixture
def _checked_method_names() -> Iterator[None]:
    check_method_names(True)
    yield
    check_method_names(False)


def test_names_become_tensors_and_answers_names_again():
    version = served()
    answers = run(version, "", {"b": B, "a": A})
    assert {name: value.tolist() for name, value in answers.items()} == {
        "y": [b"out_y:0"],
        "z": [b"out_z:0"],
    }
    (feeds,) = version.runner.feeds
    assert list(feeds) == ["in_a:0", "in_b:0"]
    assert feeds["in_a:0"] is A


def test_the_output_filter_keeps_its_order():
    assert list(run(served(), "serving_default", {"a": A, "b": B}, ["z", "y"])) == ["z", "y"]
    assert list(run(served(), "serving_default", {"a": A, "b": B}, ["z"])) == ["z"]


def test_errors_of_names():
    both = {"a": A, "b": B}
    assert refusal(served(), "nothing", both) == (
        "FAILED_PRECONDITION",
        'Serving signature key "nothing" not found.',
    )
    assert refusal(served(), "", {"a": A}) == (
        "INVALID_ARGUMENT",
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
        "Sent extra: {}. Missing but required: {b}.",
    )
    assert refusal(served(), "", {**both, "c": A}) == (
        "INVALID_ARGUMENT",
        "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). "
        "Sent extra: {c}. Missing but required: {}.",
    )
    assert refusal(served(), "", {"a": A, "c": B}) == (
        "INVALID_ARGUMENT",
        "Signature input alias: b(feed name: in_b:0) not found in request and no default value provided. "
        "Inputs expected to be in the request {a,c}, or default input alias set: ",
    )
    assert refusal(served(), "", both, ["w"]) == (
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: w Outputs expected to be in the set {y,z}.",
    )
    assert refusal(served(), "", both, ["y", "y"]) == (
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: y",
    )


def test_inputs_with_a_default_may_be_left_out():
    made = signature({"a": FLOAT, "b": FLOAT}, ["y"])
    made.defaults["b"].CopyFrom(tf.make_tensor_proto([4.0, 5.0]))
    version = served(made)
    run(version, "", {"a": A})
    assert version.runner.feeds[0]["in_b:0"].tolist() == [4.0, 5.0]
    run(version, "", {"a": A, "b": A})
    assert version.runner.feeds[1]["in_b:0"] is A
    assert refusal(version, "", {"b": A})[1].startswith(
        "Signature input alias: a(feed name: in_a:0) not found"
    )
    assert refusal(version, "", {"a": A, "c": A}) == (
        "INVALID_ARGUMENT",
        "Inputs contains invalid name. Used request inputs: a, request input: a,c",
    )


def test_dtypes_are_those_of_the_signature():
    assert refusal(served(), "", {"a": A.astype(np.int64), "b": B}) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but int64 is provided",
    )
    assert refusal(served(), "", {"a": A, "b": A.astype(np.float64)}) == (
        "INVALID_ARGUMENT",
        "Expects arg[1] to be string but double is provided",
    )


def test_a_plan_is_made_once_per_version_and_goes_with_it():
    version = served()
    first = plan_of(version.runner, version.signatures, "serving_default")
    assert plan_of(version.runner, version.signatures, "serving_default") is first
    other = served()
    assert plan_of(other.runner, other.signatures, "serving_default") is not first


def test_a_model_that_answers_too_little_is_an_error():
    class Silent(Recording):
        async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
            return []

    version = served()._replace(runner=Silent())
    assert refusal(version, "", {"a": A, "b": B}) == ("UNKNOWN", "Predict internal error")


@pytest.mark.usefixtures("_checked_method_names")
def test_method_names_count_when_they_are_checked():
    version = served(signature({"a": FLOAT}, ["y"], "other"))
    code, message = refusal(version, "", {"a": A})
    assert code == "INTERNAL"
    assert message == (
        "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: other"
    )
    predicting = signature({"inputs": STRING}, ["scores"])
    with pytest.raises(ServingError, match=r"method_name to be tensorflow/serving/classify. Was: tensor"):
        classification_fetches(Plan(predicting), predicting)
    with pytest.raises(ServingError, match=r"method_name to be tensorflow/serving/regress. Was: tensor"):
        regression_fetches(Plan(predicting), predicting)


def example(value: float, name: str = "x") -> tf.train.Example:
    made = tf.train.Example()
    made.features.feature[name].float_list.value.append(value)
    return made


def test_examples_are_serialized_one_by_one():
    given = Input()
    given.example_list.examples.extend([example(1.0), example(2.0)])
    assert serialized_examples(given).tolist() == [
        example(1.0).SerializeToString(),
        example(2.0).SerializeToString(),
    ]
    assert example_count(given) == 2


def test_a_context_is_merged_and_the_example_wins():
    given = Input()
    given.example_list_with_context.context.CopyFrom(example(5.0, "c"))
    given.example_list_with_context.context.MergeFrom(example(0.0))
    given.example_list_with_context.examples.extend([example(1.0)])
    (merged,) = serialized_examples(given)
    parsed = tf.io.parse_single_example(
        merged, {name: tf.io.FixedLenFeature([1], tf.float32) for name in ("c", "x")}
    )
    assert {name: value.numpy().tolist() for name, value in parsed.items()} == {"c": [5.0], "x": [1.0]}


def test_no_examples_are_refused():
    with_list, with_context = Input(), Input()
    with_list.example_list.SetInParent()
    with_context.example_list_with_context.context.CopyFrom(example(1.0))
    for given in (Input(), with_list, with_context):
        assert example_count(given) == 0
        with pytest.raises(ServingError) as error:
            serialized_examples(given)
        assert (error.value.code, error.value.message) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "Input is empty.",
        )


CLASSIFY = signature({"inputs": STRING}, ["classes", "scores"], "tensorflow/serving/classify")
LABELS = np.array([[b"cat", b"d\xc3\xb6g"], [b"owl", b"\xff"]], object)
SCORES = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def classified(outputs: Mapping[str, np.ndarray], count: int = 2) -> list[list[tuple[str, float]]]:
    result = ClassificationResult()
    tensors = {f"out_{alias}:0": array for alias, array in outputs.items()}
    fill_classifications(result, Plan(CLASSIFY), tensors, count)
    return [[(each.label, each.score) for each in row.classes] for row in result.classifications]


def test_classes_come_with_labels_scores_or_both():
    assert classified({"classes": LABELS, "scores": SCORES}) == [
        [("cat", 1.0), ("dög", 2.0)],
        [("owl", 3.0), ("�", 4.0)],
    ]
    assert classified({"classes": LABELS[:1]}, 1) == [[("cat", 0.0), ("dög", 0.0)]]
    assert classified({"scores": SCORES[:1]}, 1) == [[("", 1.0), ("", 2.0)]]
    assert classified({"scores": SCORES[:, :0]}) == [[], []]
    assert classified({"scores": SCORES[:, :0], "classes": LABELS[:, :0]}) == [[], []]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"classes": LABELS[0]}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": SCORES[None]}, "Expected Tensor shape: [batch_size num_classes] but got [1,2,2]"),
        ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ({"scores": LABELS}, "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        ({"classes": LABELS[:1]}, "Expected classes output batch size of 2. Got: 1"),
        ({"scores": SCORES[:1]}, "Expected scores output batch size of 2. Got: 1"),
        (
            {"classes": LABELS, "scores": SCORES[:, :1]},
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
    ],
)
def test_classes_of_a_wrong_form(outputs: Mapping[str, np.ndarray], message: str):
    with pytest.raises(ServingError) as error:
        classified(outputs)
    assert (error.value.code, error.value.message) == (grpc.StatusCode.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"inputs": STRING, "x": FLOAT}, ["scores"], "Expected one input Tensor."),
        ({"inputs": STRING}, ["a", "b", "scores"], "Expected one or two output Tensors, found 3"),
        ({"x": STRING}, ["scores"], "No classification inputs found in SignatureDef: "),
        (
            {"inputs": STRING},
            ["y"],
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: ",
        ),
    ],
)
def test_signatures_that_cannot_classify(inputs: Mapping[str, int], outputs: list[str], message: str):
    made = signature(inputs, outputs)
    with pytest.raises(ServingError) as error:
        classification_fetches(Plan(made), made)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.message.startswith(message)


def test_a_signature_without_a_method_of_its_own_can_classify():
    made = signature({"inputs": STRING}, ["scores"], "tensorflow/serving/predict")
    assert classification_fetches(Plan(made), made) == ["out_scores:0"]


REGRESS = signature({"inputs": STRING}, ["outputs"], "tensorflow/serving/regress")


def regressed(output: np.ndarray) -> list[float]:
    result = RegressionResult()
    fill_regressions(result, Plan(REGRESS), {"out_outputs:0": output}, 2)
    return [each.value for each in result.regressions]


def test_a_number_per_example():
    assert regressed(np.array([1.5, 2.5], np.float32)) == [1.5, 2.5]
    assert regressed(np.array([[1.5], [2.5]], np.float32)) == [1.5, 2.5]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            SCORES,
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        (
            np.float32(1.0),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []",
        ),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2, np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_numbers_of_a_wrong_form(output: np.ndarray, message: str):
    with pytest.raises(ServingError) as error:
        regressed(np.asarray(output))
    assert (error.value.code, error.value.message) == (grpc.StatusCode.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"inputs": STRING, "x": FLOAT}, ["outputs"], "Expected one input Tensor."),
        ({"inputs": STRING}, ["outputs", "y"], "Expected one output Tensor."),
        ({"x": STRING}, ["outputs"], "No regression inputs found in SignatureDef: "),
        ({"inputs": STRING}, ["y"], "No regression outputs found in SignatureDef: "),
    ],
)
def test_signatures_that_cannot_regress(inputs: Mapping[str, int], outputs: list[str], message: str):
    made = signature(inputs, outputs)
    with pytest.raises(ServingError) as error:
        regression_fetches(Plan(made), made)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.message.startswith(message)
