"""What happens to models while a server runs; each test has a server of its own."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tests.serving import models
from tests.serving.conformance.requests import predict_request, spec
from tests.serving.process import RPC_SECONDS, ServerProcess, launch, serving

pytestmark = pytest.mark.slow

State = get_model_status_pb2.ModelVersionStatus


def states(server: ServerProcess, name: str = "m") -> dict[int, str]:
    request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(name))
    response = server.model.GetModelStatus(request, timeout=RPC_SECONDS)
    return {each.version: State.State.Name(each.state) for each in response.model_version_status}


def answer(server: ServerProcess, name: str = "m") -> tuple[int, float]:
    """The version that answered, and y for x = 2."""
    response = server.prediction.Predict(predict_request(name, {"x": [2.0]}), timeout=RPC_SECONDS)
    return response.model_spec.version.value, response.outputs["y"].float_val[0]


def eventually(check: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.1)
    return check()


def push(base: Path, version: int, offset: float) -> None:
    """As the Pusher does: the folder appears complete."""
    hidden = base.with_name(f".{base.name}-{version}")
    models.half_plus_two_tf2(hidden, offset=offset)
    base.mkdir(exist_ok=True)
    hidden.rename(base / str(version))


def test_new_versions_broken_versions_and_roll_back(tmp_path: Path):
    base = tmp_path / "m"
    push(base, 1, 2.0)
    flags = ("--model_name=m", f"--model_base_path={base}", "--max_num_load_retries=0")
    with serving(tmp_path, *flags) as server:
        assert answer(server) == (1, 3.0)
        push(base, 2, 3.0)
        assert eventually(lambda: answer(server) == (2, 4.0))
        assert eventually(lambda: states(server) == {2: "AVAILABLE", 1: "END"})

        models.broken(base / "3")
        assert eventually(lambda: states(server).get(3) == "END")
        assert answer(server) == (2, 4.0)
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec("m", version=3))
        (failed,) = server.model.GetModelStatus(request, timeout=RPC_SECONDS).model_version_status
        assert failed.status.error_code != 0
        assert failed.status.error_message
        shown = server.rest("/v1/models/m/versions/3").json["model_version_status"][0]
        assert shown["state"] == "END"
        assert shown["status"]["error_message"] == failed.status.error_message

        shutil.rmtree(base / "3")
        shutil.rmtree(base / "2")
        assert eventually(lambda: answer(server) == (1, 3.0))


def test_a_config_file_that_changes(tmp_path: Path):
    for name, offset in (("two", 2.0), ("three", 3.0)):
        models.half_plus_two_tf2(tmp_path / name / "1", offset=offset)
    config = tmp_path / "models.config"

    def write(name: str) -> None:
        text = f'config {{ name: "{name}" base_path: "{tmp_path}/{name}" model_platform: "tensorflow" }}'
        config.write_text(f"model_config_list {{ {text} }}")

    write("two")
    flags = (f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1")
    with serving(tmp_path, *flags) as server:
        assert answer(server, "two") == (1, 3.0)
        config.write_text("model_config_list { this is no config")
        time.sleep(2.5)
        assert answer(server, "two") == (1, 3.0)
        write("three")
        body = {"instances": [2.0]}
        assert eventually(lambda: server.rest("/v1/models/three:predict", body).status == 200)
        assert answer(server, "three") == (1, 4.0)

        def gone() -> bool:
            return server.rest("/v1/models/two:predict", {"instances": [2.0]}).status == 404

        assert eventually(gone)


def test_a_config_that_comes_by_rpc(tmp_path: Path):
    for version in (1, 2):
        models.half_plus_two_tf2(tmp_path / "m" / str(version), offset=version + 1.0)

    def config(policy: str, labels: str = "") -> model_management_pb2.ReloadConfigRequest:
        request = model_management_pb2.ReloadConfigRequest()
        text = f'name: "m" base_path: "{tmp_path}/m" model_platform: "tensorflow" model_version_policy {{ {policy} }} {labels}'
        text_format.Parse(f"config {{ model_config_list {{ config {{ {text} }} }} }}", request)
        return request

    both = "specific { versions: 1 versions: 2 }"
    stable = 'version_labels { key: "stable" value: %d }'
    with serving(tmp_path, "--model_name=m", f"--model_base_path={tmp_path}/m") as server:
        assert states(server) == {2: "AVAILABLE"}
        response = server.model.HandleReloadConfigRequest(config(both), timeout=60)
        assert response.status.error_code == 0
        assert states(server) == {2: "AVAILABLE", 1: "AVAILABLE"}
        server.model.HandleReloadConfigRequest(config(both, stable % 1), timeout=60)
        request = predict_request(spec("m", label="stable"), {"x": [2.0]})
        assert server.prediction.Predict(request, timeout=RPC_SECONDS).model_spec.version.value == 1
        with pytest.raises(grpc.RpcError) as error:
            server.model.HandleReloadConfigRequest(config(both, stable % 7), timeout=60)
        assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert server.prediction.Predict(request, timeout=RPC_SECONDS).model_spec.version.value == 1
        server.model.HandleReloadConfigRequest(config("latest { num_versions: 1 }", stable % 2), timeout=60)
        assert server.prediction.Predict(request, timeout=RPC_SECONDS).model_spec.version.value == 2


def test_sigterm_lets_requests_finish(tmp_path: Path):
    models.slow(tmp_path / "m" / "1", seconds=2.0)
    with serving(tmp_path, "--model_name=m", f"--model_base_path={tmp_path}/m") as server:
        answers: dict[str, object] = {}

        def over_grpc() -> None:
            answers["gRPC"] = answer(server)

        def over_rest() -> None:
            answers["REST"] = server.rest("/v1/models/m:predict", {"instances": [2.0]}).json

        threads = [threading.Thread(target=each) for each in (over_grpc, over_rest)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        server.process.terminate()
        for thread in threads:
            thread.join(30)
        assert answers == {"gRPC": (1, 3.0), "REST": {"predictions": [3.0]}}
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.log.read_text()


def ended(server: ServerProcess) -> tuple[int, str]:
    try:
        return server.process.wait(60), server.log.read_text()
    finally:
        server.process.kill()
        server.channel.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("improperly formatted", "Error parsing text-format tensorflow.serving.ModelServerConfig"),
        ("improperly formatted", "Invalid protobuf file: '{path}'"),
        (None, "{path}"),
    ],
)
def test_a_config_file_that_cannot_be_read(tmp_path: Path, content: str | None, message: str):
    path = tmp_path / "models.config"
    if content is not None:
        path.write_text(content)
    code, log = ended(launch(tmp_path, f"--model_config_file={path}"))
    assert code == 2
    assert message.format(path=path) in log
    assert "Traceback" not in log


def test_a_port_that_is_taken(tmp_path: Path):
    models.half_plus_two_tf2(tmp_path / "m" / "1")
    model = ("--model_name=m", f"--model_base_path={tmp_path}/m")
    with serving(tmp_path, *model) as first:
        for flag, port in (("--port", first.grpc_port), ("--rest_api_port", first.rest_port)):
            code, log = ended(launch(tmp_path, *model, f"{flag}={port}"))
            assert code == 2
            assert str(port) in log.splitlines()[-1]
            assert "Traceback" not in log
        assert answer(first) == (1, 3.0)


def test_only_loopback_is_listened_on(tmp_path: Path):
    models.half_plus_two_tf2(tmp_path / "m" / "1")
    with serving(tmp_path, "--model_name=m", f"--model_base_path={tmp_path}/m") as server:
        listening = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{server.process.pid}/net/{table}").read_text().splitlines()[1:]:
                address, port = line.split()[1].split(":")
                if int(port, 16) in (server.grpc_port, server.rest_port) and line.split()[3] == "0A":
                    listening.add(address)
        assert listening
        mapped = "0000000000000000FFFF00000100007F"
        assert listening <= {"0100007F", "00000000000000000000000001000000", mapped}
