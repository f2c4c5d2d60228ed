"""Classify, Regress and MultiInference over gRPC."""

from __future__ import annotations

import re

import pytest
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from serving.inference import check_method_names
from tests.serving.grpc_api import CLASSIFY, REGRESS, SECONDS, VERSION, Api, examples, refusal, spec


def test_classify(api: Api):
    sent = ClassificationRequest(model_spec=spec("classes"), input=examples(1.0, 2.0))
    answer = api.prediction.Classify(sent, timeout=SECONDS)
    rows = [[(each.label, each.score) for each in row.classes] for row in answer.result.classifications]
    assert rows == [
        [("cat", 1.0), ("dog", 2.0), ("owl", 3.0)],
        [("cat", 2.0), ("dog", 4.0), ("owl", 6.0)],
    ]
    assert answer.model_spec == spec("classes", "serving_default", VERSION)


def test_regress(api: Api):
    sent = RegressionRequest(model_spec=spec("half_plus_two", "regress_x_to_y"), input=examples(2.0, 4.0))
    answer = api.prediction.Regress(sent, timeout=SECONDS)
    assert [each.value for each in answer.result.regressions] == [3.0, 4.0]
    assert answer.model_spec == spec("half_plus_two", "regress_x_to_y", VERSION)


def test_what_classify_and_regress_refuse(api: Api):
    classify, regress = api.prediction.Classify, api.prediction.Regress
    assert refusal(classify, ClassificationRequest(input=examples(1.0))) == (
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    )
    assert refusal(regress, RegressionRequest(model_spec=spec("tf2", "no"), input=examples(1.0))) == (
        "INVALID_ARGUMENT",
        "No signature was found with the name: no",
    )
    assert refusal(classify, ClassificationRequest(model_spec=spec("classes"))) == (
        "INVALID_ARGUMENT",
        "Input is empty.",
    )
    code, message = refusal(classify, ClassificationRequest(model_spec=spec("tf2"), input=examples(1.0)))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("No classification inputs found in SignatureDef: ")
    floats = RegressionRequest(model_spec=spec("half_plus_two", "regress_x2_to_y3"), input=examples(2.0))
    assert refusal(regress, floats) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but string is provided",
    )


def test_method_names_are_looked_at_when_asked_for(api: Api):
    sent = RegressionRequest(model_spec=spec("half_plus_two", "classify_x_to_y"), input=examples(2.0))
    check_method_names(True)
    try:
        answer = refusal(api.prediction.Regress, sent)
    finally:
        check_method_names(False)
    assert answer == (
        "INVALID_ARGUMENT",
        f"Expected regression signature method_name to be {REGRESS}. Was: {CLASSIFY}",
    )
    code, message = refusal(api.prediction.Regress, sent)
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("No regression outputs found in SignatureDef: ")


def tasks(*each: tuple[str, str, str]) -> MultiInferenceRequest:
    made = MultiInferenceRequest(input=examples(2.0))
    for model, signature, method in each:
        made.tasks.add(model_spec=spec(model, signature), method_name=method)
    return made


def graph_runs(api: Api) -> int:
    page = api.telemetry.exposition().decode()
    found = re.search(r"^:tensorflow:core:graph_runs\{\} (\d+)$", page, re.MULTILINE)
    return int(found[1]) if found else 0


def test_several_signatures_in_one_run(api: Api):
    before = graph_runs(api)
    sent = tasks(
        ("half_plus_two", "regress_x_to_y", REGRESS),
        ("half_plus_two", "classify_x_to_y", CLASSIFY),
        ("half_plus_two", "regress_x_to_y2", REGRESS),
    )
    answer = api.prediction.MultiInference(sent, timeout=SECONDS)
    first, second, third = answer.results
    assert first.regression_result.regressions[0].value == 3.0
    assert second.classification_result.classifications[0].classes[0].score == 3.0
    assert third.regression_result.regressions[0].value == 4.0
    assert [each.model_spec for each in answer.results] == [
        spec("half_plus_two", name, VERSION)
        for name in ("regress_x_to_y", "classify_x_to_y", "regress_x_to_y2")
    ]
    assert api.telemetry.last()[:5] == ("MultiInference", "GRPC", "half_plus_two", VERSION, "OK")
    assert graph_runs(api) == before + 1


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (tasks(), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            tasks(("half_plus_two", "regress_x_to_y", REGRESS), ("", "classify_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            tasks(("half_plus_two", "regress_x_to_y", REGRESS), ("tf2", "classify_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            tasks(*[("half_plus_two", "regress_x_to_y", REGRESS)] * 2),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (
            tasks(("half_plus_two", "no", REGRESS)),
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: no",
        ),
        (
            tasks(("half_plus_two", "regress_x_to_y", "tensorflow/serving/predict")),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            tasks(
                ("half_plus_two", "regress_x_to_y", REGRESS), ("half_plus_two", "regress_x2_to_y3", REGRESS)
            ),
            "INVALID_ARGUMENT",
            "Input tensor must be the same for all Signatures.",
        ),
    ],
)
def test_tasks_that_do_not_go_together(api: Api, sent: MultiInferenceRequest, code: str, message: str):
    assert refusal(api.prediction.MultiInference, sent) == (code, message)
