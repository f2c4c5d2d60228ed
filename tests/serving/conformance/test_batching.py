"""A server that gathers requests into batches answers as one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.serving import models
from tests.serving.conformance.requests import predict_request
from tests.serving.process import RPC_SECONDS, ServerProcess, launch, serving

PARAMETERS = """\
max_batch_size { value: 8 }
batch_timeout_micros { value: 100000 }
max_enqueued_batches { value: 4 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 4
allowed_batch_sizes: 8
pad_variable_length_inputs: true
"""


@pytest.fixture(scope="module")
def batching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("batching")
    builders = {"half": models.half_plus_two_tf2, "row_sums": models.row_sums, "slow": models.slow}
    for name, build in builders.items():
        build(folder / name / "1")  # type: ignore[operator]
    config = folder / "models.config"
    config.write_text(
        "model_config_list {"
        + "".join(
            f'config {{ name: "{n}" base_path: "{folder}/{n}" model_platform: "tensorflow" }}'
            for n in builders
        )
        + "}"
    )
    parameters = folder / "batching.config"
    parameters.write_text(PARAMETERS)
    flags = (f"--model_config_file={config}", "--enable_batching", f"--batching_parameters_file={parameters}")
    with serving(folder, *flags) as process:
        yield process


def test_each_request_gets_its_own_rows(batching: ServerProcess):
    def ask(x: int) -> list[float]:
        rows = [float(x)] * (1 + x % 3)
        response = batching.prediction.Predict(predict_request("half", {"x": rows}), timeout=RPC_SECONDS)
        return list(response.outputs["y"].float_val)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert answers == [[x / 2 + 2] * (1 + x % 3) for x in range(40)]


def test_rows_of_different_lengths_are_padded_with_their_first_value(batching: ServerProcess):
    def ask(length: int) -> float:
        row = np.ones([1, length], np.float32)
        row[0, 0] = 0
        response = batching.prediction.Predict(predict_request("row_sums", {"x": row}), timeout=RPC_SECONDS)
        return response.outputs["sum"].float_val[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(1, 9))) == [float(n - 1) for n in range(1, 9)]


def test_overload_is_said_at_once(batching: ServerProcess):
    def ask(_: int) -> str:
        try:
            request = predict_request("slow", {"x": [2.0] * 8})
            return str(batching.prediction.Predict(request, timeout=RPC_SECONDS).outputs["y"].float_val[0])
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    refused = [each for each in answers if each != "3.0"]
    assert len(refused) >= 8
    assert len(refused) < 16
    assert all(each.startswith("RESOURCE_EXHAUSTED") for each in refused), refused
    overloaded = [batching.rest("/v1/models/half:predict", {"instances": [2.0]}).status]
    assert overloaded == [200]


def test_a_request_larger_than_a_batch(batching: ServerProcess):
    with pytest.raises(grpc.RpcError) as error:
        batching.prediction.Predict(predict_request("half", {"x": [1.0] * 9}), timeout=RPC_SECONDS)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_batches_are_counted(batching: ServerProcess):
    text = batching.rest("/monitoring/prometheus/metrics").body.decode()
    assert ":tensorflow:serving:batching_session" in text


def test_bad_parameters_end_the_start(tmp_path: Path):
    models.half_plus_two_tf2(tmp_path / "m" / "1")
    parameters = tmp_path / "batching.config"
    parameters.write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    server = launch(
        tmp_path,
        f"--model_base_path={tmp_path}/m",
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
    )
    try:
        assert server.process.wait(60) == 2
        assert str(parameters) in server.log.read_text()
        assert "Traceback" not in server.log.read_text()
    finally:
        server.process.kill()
        server.channel.close()
