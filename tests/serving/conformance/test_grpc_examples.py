from __future__ import annotations

from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2
from tensorflow_serving.apis.input_pb2 import Input

from tests.serving.conformance.conftest import VERSION
from tests.serving.conformance.requests import example, example_input, spec
from tests.serving.process import RPC_SECONDS, ServerProcess

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
X2 = example(x=2.0)


def classify(server: ServerProcess, model: str, signature: str, given: Input) -> Any:
    request = classification_pb2.ClassificationRequest(model_spec=spec(model, signature), input=given)
    return server.prediction.Classify(request, timeout=RPC_SECONDS)


def regress(server: ServerProcess, model: str, signature: str, given: Input) -> Any:
    request = regression_pb2.RegressionRequest(model_spec=spec(model, signature), input=given)
    return server.prediction.Regress(request, timeout=RPC_SECONDS)


def multi_inference(server: ServerProcess, tasks: list[tuple[str, str, str]], given: Input) -> Any:
    request = inference_pb2.MultiInferenceRequest(input=given)
    for model, signature, method in tasks:
        request.tasks.add(model_spec=spec(model, signature), method_name=method)
    return server.prediction.MultiInference(request, timeout=RPC_SECONDS)


def test_classify_with_scores_alone(server: ServerProcess):
    response = classify(server, "half_plus_two", "classify_x_to_y", example_input(X2, example(x=4.0)))
    found = [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]
    assert found == [[("", 3.0)], [("", 4.0)]]
    assert response.model_spec == spec("half_plus_two", "classify_x_to_y", version=VERSION)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("", [("cat", 2.0), ("dog", 4.0), ("owl", 6.0)]),
        ("both", [("cat", 2.0), ("dog", 4.0), ("owl", 6.0)]),
        ("labels", [("cat", 0.0), ("dog", 0.0), ("owl", 0.0)]),
        ("scores", [("", 2.0), ("", 4.0), ("", 6.0)]),
    ],
)
def test_classify_with_classes_scores_or_both(
    server: ServerProcess, signature: str, expected: list[tuple[str, float]]
):
    response = classify(server, "classes", signature, example_input(X2))
    assert [(c.label, c.score) for c in response.result.classifications[0].classes] == expected
    assert response.model_spec.signature_name == (signature or "serving_default")


def test_regress(server: ServerProcess):
    response = regress(server, "half_plus_two", "regress_x_to_y", example_input(X2, example(x=4.0)))
    assert [row.value for row in response.result.regressions] == [3.0, 4.0]
    assert response.model_spec == spec("half_plus_two", "regress_x_to_y", version=VERSION)


def test_the_context_is_merged_into_each_example(server: ServerProcess):
    given = example_input(example(x2=4.0), example(x2=6.0), context=X2)
    assert [
        r.value for r in regress(server, "half_plus_two", "regress_x_to_y", given).result.regressions
    ] == [3.0, 3.0]
    rows = classify(server, "half_plus_two", "classify_x2_to_y3", given).result.classifications
    assert [row.classes[0].score for row in rows] == [5.0, 6.0]


def test_multi_inference(server: ServerProcess):
    tasks = [("half_plus_two", "regress_x_to_y", REGRESS), ("half_plus_two", "classify_x_to_y", CLASSIFY)]
    response = multi_inference(server, tasks, example_input(X2))
    first, second = response.results
    assert first.regression_result.regressions[0].value == 3.0
    assert second.classification_result.classifications[0].classes[0].score == 3.0
    assert [r.model_spec for r in response.results] == [
        spec("half_plus_two", "regress_x_to_y", version=VERSION),
        spec("half_plus_two", "classify_x_to_y", version=VERSION),
    ]


@pytest.mark.parametrize(
    ("model", "signature", "given", "code", "message"),
    [
        ("absent", "", example_input(X2), "NOT_FOUND", "Servable not found for request: Latest(absent)"),
        ("half_plus_two", "classify_x_to_y", Input(), "INVALID_ARGUMENT", "Input is empty"),
        ("half_plus_two", "classify_x_to_y", example_input(), "INVALID_ARGUMENT", "Input is empty"),
        ("half_plus_two", "classify_x_to_y", example_input(context=X2), "INVALID_ARGUMENT", "Input is empty"),
        ("half_plus_two", "nothing", example_input(X2), "INVALID_ARGUMENT", "nothing"),
        ("half_plus_two", "classify_x_to_y", example_input(example(other=1.0)), "INVALID_ARGUMENT", "x"),
        ("half_plus_two", "classify_x_to_y", example_input(example(x=b"text")), "INVALID_ARGUMENT", "x"),
    ],
)
def test_classify_errors(
    server: ServerProcess, model: str, signature: str, given: Input, code: str, message: str
):
    with pytest.raises(grpc.RpcError) as error:
        classify(server, model, signature, given)
    assert error.value.code().name == code, error.value.details()
    assert message in error.value.details()


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [("half_plus_two", "regress_x_to_y", REGRESS), ("half_plus_three", "classify_x_to_y", CLASSIFY)],
        [("half_plus_two", "regress_x_to_y", REGRESS), ("half_plus_two", "regress_x_to_y", REGRESS)],
        [("half_plus_two", "regress_x_to_y", "tensorflow/serving/predict")],
        [("", "regress_x_to_y", REGRESS)],
    ],
)
def test_multi_inference_errors(server: ServerProcess, tasks: list[tuple[str, str, str]]):
    with pytest.raises(grpc.RpcError) as error:
        multi_inference(server, tasks, example_input(X2))
    assert error.value.code().name in {"INVALID_ARGUMENT", "UNIMPLEMENTED"}, error.value.details()
