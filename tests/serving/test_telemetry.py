from __future__ import annotations

import logging
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.access_log import RequestRecord
from serving.errors import ServingError, invalid_argument
from serving.telemetry import CURRENT_API, Telemetry

GRPC = RequestRecord("Predict", "GRPC", "half", 3, "OK", 0.0012, 100, 200, "ipv4:127.0.0.1:5")


def samples(telemetry: Telemetry, name: str) -> list[str]:
    """The lines of one metric, its buckets left out."""
    lines = telemetry.exposition().decode().splitlines()
    return [
        line.removeprefix(":tensorflow:")
        for line in lines
        if line.startswith(f":tensorflow:{name}") and "_bucket" not in line
    ]


def test_a_good_request_is_counted_and_timed() -> None:
    telemetry = Telemetry()
    telemetry.record(GRPC)
    assert samples(telemetry, "serving:request_count") == [
        'serving:request_count{model_name="half",status="OK"} 1'
    ]
    labels = 'model_name="half",API="Predict",entrypoint="GRPC"'
    assert samples(telemetry, "serving:request_latency") == [
        f"serving:request_latency_sum{{{labels}}} 1200",
        f"serving:request_latency_count{{{labels}}} 1",
    ]
    page = telemetry.exposition().decode()
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="1102"}} 0' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="1983.59"}} 1' in page


def test_a_failed_request_is_counted_but_not_timed() -> None:
    telemetry = Telemetry()
    telemetry.record(GRPC._replace(status="INVALID_ARGUMENT"))
    assert samples(telemetry, "serving:request_count") == [
        'serving:request_count{model_name="half",status="INVALID_ARGUMENT"} 1'
    ]
    assert samples(telemetry, "serving:request_latency") == []


def test_over_rest_the_api_is_the_verb_of_the_path_and_all_requests_count() -> None:
    telemetry = Telemetry()
    for api in ("Predict", "Classify", "Regress", "GetModelStatus"):
        telemetry.record(GRPC._replace(api=api, entrypoint="REST"))
    assert samples(telemetry, "serving:request_count") == [
        'serving:request_count{model_name="half",status="OK"} 4'
    ]
    timed = [line for line in samples(telemetry, "serving:request_latency") if "_count" in line]
    assert [line.split('API="')[1].split('"')[0] for line in timed] == ["", "classify", "predict", "regress"]


@pytest.mark.parametrize("api", ["MultiInference", "GetModelMetadata", "GetModelStatus"])
def test_over_grpc_only_the_apis_that_tf_serving_counts(api: str) -> None:
    telemetry = Telemetry()
    telemetry.record(GRPC._replace(api=api))
    assert samples(telemetry, "serving:request_count") == []


def test_the_model_s_time_has_the_api_of_the_request() -> None:
    telemetry = Telemetry()
    telemetry.runtime("half", 0.5)
    token = CURRENT_API.set("Classify")
    telemetry.runtime("half", 0.25)
    CURRENT_API.reset(token)
    sums = [line for line in samples(telemetry, "serving:runtime_latency") if "_sum" in line]
    assert sums == [
        'serving:runtime_latency_sum{model_name="half",API="Classify",runtime="TF1"} 250000',
        'serving:runtime_latency_sum{model_name="half",API="Predict",runtime="TF1"} 500000',
    ]


def test_batches_are_measured_under_the_names_of_batching_session() -> None:
    telemetry = Telemetry()
    telemetry.enqueued([3, 3])
    telemetry.dequeued("", 0.000150)
    telemetry.batch(8, 5)
    telemetry.batch_ran(0.002)
    assert [
        line.removeprefix("serving:batching_session:") for line in samples(telemetry, "serving:batch")
    ] == [
        'queuing_latency_sum{thread_pool_name=""} 150',
        'queuing_latency_count{thread_pool_name=""} 1',
        "wrapped_run_count{} 1",
        "input_batch_size_sum{} 6",
        "input_batch_size_count{} 2",
        "processed_batch_size_sum{} 8",
        "processed_batch_size_count{} 1",
        'padding_size_sum{execution_batch_size="8"} 5',
        'padding_size_count{execution_batch_size="8"} 1',
    ]
    assert samples(telemetry, "core") == ["core:graph_runs{} 1", "core:graph_run_time_usecs{} 2000"]


def test_loading_is_counted_and_only_success_is_timed() -> None:
    telemetry = Telemetry()
    with telemetry.loading("/models/m/1"):
        pass
    with pytest.raises(ServingError), telemetry.loading("/models/m/2"):
        raise invalid_argument("broken")
    attempts = "cc:saved_model:load_attempt_count"
    lines = samples(telemetry, "cc:saved_model")
    assert lines[:2] == [
        f'{attempts}{{model_path="/models/m/1",status="success"}} 1',
        f'{attempts}{{model_path="/models/m/2",status="fail"}} 1',
    ]
    assert [line.split(" ")[0] for line in lines[2:]] == [
        'cc:saved_model:load_latency{model_path="/models/m/1"}'
    ]


def test_warming_is_timed_by_its_outcome() -> None:
    telemetry = Telemetry()
    with telemetry.warming("/models/m/1"):
        pass
    with pytest.raises(ServingError), telemetry.warming("/models/m/2"):
        raise invalid_argument("broken")
    name = "serving:model_warmup_latency_count"
    assert [line for line in samples(telemetry, "serving:model_warmup") if line.startswith(name)] == [
        f'{name}{{model_path="/models/m/1",status="OK"}} 1',
        f'{name}{{model_path="/models/m/2",status="INVALID_ARGUMENT"}} 1',
    ]


def test_examples_are_counted() -> None:
    telemetry = Telemetry()
    telemetry.examples("m", 4)
    assert samples(telemetry, "serving:request_example") == [
        'serving:request_example_counts_sum{model="m"} 4',
        'serving:request_example_counts_count{model="m"} 1',
        'serving:request_example_count_total{model="m"} 4',
    ]


def test_the_page_is_what_prometheus_reads() -> None:
    telemetry = Telemetry()
    telemetry.record(GRPC._replace(model='a"\\b\nc'))
    telemetry.runtime("half", 1)
    families = {
        family.name: family for family in text_string_to_metric_families(telemetry.exposition().decode())
    }
    assert families[":tensorflow:serving:request_count"].samples[0].labels["model_name"] == 'a"\\b\nc'
    latency = families[":tensorflow:serving:runtime_latency"]
    assert latency.type == "histogram"
    assert [sample.value for sample in latency.samples if sample.name.endswith("_sum")] == [1_000_000]
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6


def test_a_request_costs_little(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry()
    caplog.set_level(logging.ERROR, "serving.access")
    began = time.thread_time()
    for _ in range(5000):
        telemetry.record(GRPC)
        telemetry.runtime("half", 0.001)
    assert (time.thread_time() - began) / 5000 < 20e-6
