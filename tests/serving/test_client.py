"""Both clients against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from serving.client import GrpcClient, RequestFailed, RestClient, Tensor
from tests.serving import models
from tests.serving.process import ServerProcess, free_port, launch, serving

Client = RestClient | GrpcClient

CONFIG = """
model_config_list {{
  config {{
    name: "half" base_path: "{folder}/half" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 3 }} }}
    version_labels {{ key: "stable" value: 1 }}
  }}
  config {{ name: "classes" base_path: "{folder}/classes" model_platform: "tensorflow" }}
  config {{ name: "several" base_path: "{folder}/several" model_platform: "tensorflow" }}
  config {{ name: "echo" base_path: "{folder}/echo" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("clients")
    models.half_plus_two(folder / "half" / "1")
    models.half_plus_three(folder / "half" / "3")
    models.classes(folder / "classes" / "1")
    models.several(folder / "several" / "1")
    models.echo(folder / "echo" / "1")
    config = folder / "models.config"
    config.write_text(CONFIG.format(folder=folder))
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models=true")
    with serving(folder, *flags) as server:
        yield server


@pytest.fixture(scope="module")
def rest(server: ServerProcess) -> Iterator[RestClient]:
    with RestClient(f"http://localhost:{server.rest_port}") as client:
        yield client


@pytest.fixture(scope="module")
def rpc(server: ServerProcess) -> Iterator[GrpcClient]:
    with GrpcClient(f"localhost:{server.grpc_port}") as client:
        yield client


@pytest.fixture(params=["rest", "rpc"])
def client(request: pytest.FixtureRequest) -> Client:
    found: Client = request.getfixturevalue(request.param)
    return found


def test_arrays(client: Client) -> None:
    answer = client.predict("half", {"x": np.array([[1.0], [5.0]], np.float32)})
    assert answer.keys() == {"y"}
    assert answer["y"].dtype == np.float32
    np.testing.assert_array_equal(answer["y"], [[3.5], [5.5]])


def test_versions_and_labels(client: Client) -> None:
    x = {"x": np.array([[1.0]], np.float32)}
    assert client.predict("half", x, version=1)["y"].item() == 2.5
    assert client.predict("half", x, version=3)["y"].item() == 3.5
    assert client.predict("half", x, label="stable")["y"].item() == 2.5
    with pytest.raises(ValueError, match="version or label"):
        client.predict("half", x, version=1, label="stable")


def test_strings_and_integers(client: Client) -> None:
    inputs = {
        "text": np.array(["größe", ""], object),
        "number": np.array([2**62, -1], np.int64),
        "flag": np.array([True, False]),
        "image_bytes": np.array([b"\x00\xff\x00", b"PNG"], object),
    }
    answer = client.predict("echo", inputs)
    assert answer["text"].tolist() == ["größe".encode(), b""]
    assert answer["image_bytes"].tolist() == [b"\x00\xff\x00", b"PNG"]
    assert answer["number"].tolist() == [2**62, -1]
    assert answer["number"].dtype == np.int64
    assert answer["flag"].tolist() == [True, False]


def test_not_a_number(client: Client) -> None:
    x = np.array([[np.nan], [np.inf], [-np.inf]], np.float32)
    np.testing.assert_array_equal(client.predict("half", {"x": x})["y"], x)


def test_several_outputs(client: Client) -> None:
    pair = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    answer = client.predict("several", {"a": pair, "b": pair})
    assert {name: value.shape for name, value in answer.items()} == {
        "total": (2, 2),
        "difference": (2, 2),
        "product": (2,),
    }
    np.testing.assert_array_equal(answer["product"], [5.0, 25.0])


def test_output_filter(rpc: GrpcClient) -> None:
    pair = np.array([[1.0, 2.0]], np.float32)
    assert rpc.predict("several", {"a": pair, "b": pair}, outputs=["total"]).keys() == {"total"}


def test_rows_and_columns(rest: RestClient) -> None:
    assert rest.predict_rows("half", [{"x": [1.0]}, {"x": [5.0]}]) == [[3.5], [5.5]]
    assert rest.predict_rows("half", [[1.0], [5.0]], version=1) == [[2.5], [4.5]]
    assert rest.predict_columns("half", np.array([[1.0]])) == [[3.5]]
    answer = rest.predict_columns("several", {"a": [[1.0, 2.0]], "b": [[3.0, 4.0]]})
    assert answer == {"total": [[4.0, 6.0]], "difference": [[-2.0, -2.0]], "product": [11.0]}
    rows = [{"text": "a", "number": 1, "flag": True, "image_bytes": b"\xff"}]
    assert rest.predict_rows("echo", rows) == rows


def test_classify(client: Client) -> None:
    answer = client.classify("classes", [{"x": 1.0}, {"x": [2.0]}])
    assert answer == [
        [("cat", 1.0), ("dog", 2.0), ("owl", 3.0)],
        [("cat", 2.0), ("dog", 4.0), ("owl", 6.0)],
    ]


def test_regress(client: Client) -> None:
    assert client.regress("half", [{"x": 1.0}, {"x": 5.0}], signature="regress_x_to_y") == [3.5, 5.5]
    shared = client.regress("half", [{}, {}], context={"x": 1.0}, signature="regress_x_to_y", version=1)
    assert shared == [2.5, 2.5]


def test_metadata(client: Client) -> None:
    found = client.metadata("several")
    assert found.version == 1
    signature = found.signatures["serving_default"]
    assert signature.method == "tensorflow/serving/predict"
    assert signature.inputs == {"a": Tensor("DT_FLOAT", (-1, 2)), "b": Tensor("DT_FLOAT", (-1, 2))}
    assert signature.outputs["product"] == Tensor("DT_FLOAT", (-1,))
    assert client.metadata("half", version=1).version == 1
    assert client.metadata("echo").signatures["float32"].inputs == {"x": Tensor("DT_FLOAT", None)}


def test_status(client: Client) -> None:
    found = client.status("half")
    assert sorted((each.version, each.state, each.code, each.message) for each in found) == [
        (1, "AVAILABLE", "OK", ""),
        (3, "AVAILABLE", "OK", ""),
    ]
    assert [each.version for each in client.status("half", version=1)] == [1]


@pytest.mark.parametrize("name", ["unknown", "a/b"])
def test_an_unknown_model(client: Client, name: str) -> None:
    with pytest.raises(RequestFailed) as raised:
        client.status(name)
    assert raised.value.code is grpc.StatusCode.NOT_FOUND


def test_errors_have_code_and_message(client: Client) -> None:
    with pytest.raises(RequestFailed) as raised:
        client.regress("half", [{"x": 1.0}], version=9)
    assert raised.value.code is grpc.StatusCode.NOT_FOUND
    assert raised.value.message == "Servable not found for request: Specific(half, 9)"
    with pytest.raises(RequestFailed) as raised:
        client.predict("half", {"x": np.array([[1.0]], np.float32)}, signature="nope")
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION


def test_a_number_of_the_wrong_kind_is_told(rpc: GrpcClient) -> None:
    with pytest.raises(RequestFailed, match="INVALID_ARGUMENT"):
        rpc.predict("half", {"x": np.array([[1.0]], np.float64)})
    with pytest.raises(TypeError, match="feature 'x': None is no number"):
        rpc.regress("half", [{"x": None}], signature="regress_x_to_y")


def test_deadlines(server: ServerProcess) -> None:
    x = {"x": np.ones([200_000, 1], np.float32)}
    with GrpcClient(f"localhost:{server.grpc_port}", timeout=0.001) as client:
        with pytest.raises(RequestFailed) as raised:
            client.predict("half", x)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_no_grpc_server_is_unavailable() -> None:
    with GrpcClient(f"localhost:{free_port()}", attempts=2, timeout=5) as client:
        with pytest.raises(RequestFailed) as raised:
            client.status("m")
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_server_that_starts_late_is_waited_for(tmp_path: Path) -> None:
    models.half_plus_two(tmp_path / "half" / "1")
    flags = ("--model_name=half", f"--model_base_path={tmp_path / 'half'}")
    late = launch(tmp_path, *flags)
    try:
        x = {"x": np.array([[1.0]], np.float32)}
        with GrpcClient(f"localhost:{late.grpc_port}", timeout=60, attempts=1000) as client:
            assert client.predict("half", x)["y"].item() == 2.5
        with RestClient(f"http://localhost:{late.rest_port}", timeout=60, attempts=1000) as client:
            assert client.predict_rows("half", [[1.0]]) == [[2.5]]
    finally:
        assert late.stop() == 0
