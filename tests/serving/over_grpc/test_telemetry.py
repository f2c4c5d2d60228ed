"""What a gRPC call leaves in records and metrics."""

from __future__ import annotations

from tensorflow_serving.apis.classification_pb2 import ClassificationRequest

from tests.serving.grpc_api import SECONDS, VERSION, Api, examples, half, refusal, spec


def test_every_predict_is_recorded(api: Api):
    sent = half()
    answer = api.prediction.Predict(sent, timeout=SECONDS)
    record = api.telemetry.last()
    assert record[:5] == ("Predict", "GRPC", "half_plus_two", VERSION, "OK")
    assert record.request_bytes == sent.ByteSize()
    assert record.response_bytes == answer.ByteSize()
    assert 0 < record.seconds < SECONDS
    assert record.peer.startswith(("ipv4:127.0.0.1:", "ipv6:"))


def test_refused_calls_are_recorded_with_their_code(api: Api):
    refusal(api.prediction.Predict, half("absent"))
    record = api.telemetry.last()
    assert record[:5] == ("Predict", "GRPC", "absent", None, "NOT_FOUND")
    assert record.response_bytes == 0
    api.telemetry.records.clear()
    refusal(api.prediction.Classify, ClassificationRequest())
    assert api.telemetry.last()[:5] == ("Classify", "GRPC", "", None, "INVALID_ARGUMENT")


def test_metrics_name_the_api(api: Api):
    api.prediction.Classify(
        ClassificationRequest(model_spec=spec("classes"), input=examples(1.0, 2.0)), timeout=SECONDS
    )
    api.telemetry.last()
    page = api.telemetry.exposition().decode()
    assert ':tensorflow:serving:request_count{model_name="classes",status="OK"}' in page
    assert 'runtime_latency_count{model_name="classes",API="Classify",runtime="TF1"}' in page
    assert ':tensorflow:serving:request_example_counts_sum{model="classes"}' in page
