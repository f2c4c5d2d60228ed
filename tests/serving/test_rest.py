"""The REST API on real models, in the process: routes, formats, errors, deadlines, records."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving import json_pieces, rest
from serving.manager import ModelManager
from serving.metrics import CONTENT_TYPE
from serving.rest import make_app
from serving.runner import DirectRunner, make_pool
from serving.saved_model import load_saved_model
from serving.telemetry import RequestRecord, Telemetry
from tests.serving import models

MODELS = {
    "half": models.half_plus_two,
    "classes": models.classes,
    "several": models.several,
    "echo": models.echo,
    "row_sums": models.row_sums,
    "scalar": models.scalar,
    "positive": models.positive,
    "slow": models.slow,
    "a b/ü:..": models.half_plus_three,
}


class Records(Telemetry):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[RequestRecord] = []

    def record(self, request: RequestRecord) -> None:
        super().record(request)
        self.records.append(request)


class Server:
    """The API of one manager, on a loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.telemetry = Records()
        self.pool = make_pool()
        self.manager = self.run(self._start(folder))
        self.app = make_app(self.manager, self.telemetry, metrics_path="/monitoring/prometheus/metrics")

    async def _start(self, folder: Path) -> ModelManager:
        manager = ModelManager(
            lambda name, version, path: load_saved_model(path),
            lambda name, version, servable: DirectRunner(servable, name, self.pool, self.telemetry),
            poll_seconds=0,
        )
        config = ModelServerConfig()
        for index, (name, build) in enumerate(MODELS.items()):
            base_path = folder / str(index)
            build(base_path / "123")
            config.model_config_list.config.add(
                name=name, base_path=str(base_path), model_platform="tensorflow"
            )
        await manager.start(config)
        config.model_config_list.config[0].version_labels["stable"] = 123
        await manager.reload(config)
        return manager

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.manager.close())
        self.pool.shutdown()
        self.loop.close()

    def ask(
        self, method: str, path: str, body: Any = None, *, app: Any = None, headers: Any = None
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app or self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, content=content, headers=headers)

        content = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        response: httpx.Response = self.run(send())
        assert response.headers["content-type"] in ("application/json", CONTENT_TYPE)
        return response

    def post(self, path: str, body: Any, status: int = 200, **options: Any) -> Any:
        response = self.ask("POST", f"/v1/models/{path}", body, **options)
        assert response.status_code == status, response.text
        return json.loads(response.content)

    def refusal(self, path: str, body: Any, status: int = 400, **options: Any) -> str:
        answer = self.post(path, body, status, **options)
        assert answer.keys() == {"error"}
        return str(answer["error"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("models"))
    yield running
    running.close()


@pytest.mark.parametrize("place", ["half", "half/versions/123", "half/labels/stable", "half/versions/00123"])
def test_predict_by_latest_version_and_label(server: Server, place: str) -> None:
    assert server.post(f"{place}:predict", {"instances": [1.0, 2.0]}) == {"predictions": [2.5, 3.0]}
    named = {"signature_name": "serving_default", "inputs": {"x": [[3.0], [4]]}}
    assert server.post(f"{place}:predict", named) == {"outputs": [[3.5], [4.0]]}
    assert server.post(f"{place}:predict", {"instances": [{"x": 3.0}]}) == {"predictions": [3.5]}


def test_a_name_may_need_encoding(server: Server) -> None:
    answer = server.post("a%20b%2F%C3%BC%3A..:predict", {"instances": [1.0]})
    assert answer == {"predictions": [3.5]}
    status = server.ask("GET", "/v1/models/a%20b%2f%c3%bc%3A%2e%2E")
    assert json.loads(status.content)["model_version_status"][0]["state"] == "AVAILABLE"


def test_several_inputs_and_outputs(server: Server) -> None:
    rows = [{"a": [1, 2], "b": [3, 4]}, {"b": [0.5, 0], "a": [2, 0]}]
    assert server.post("several:predict", {"instances": rows}) == {
        "predictions": [
            {"difference": [-2.0, -2.0], "product": 11.0, "total": [4.0, 6.0]},
            {"difference": [1.5, 0.0], "product": 1.0, "total": [2.5, 0.0]},
        ]
    }
    columns = {"a": [[1, 2], [2, 0]], "b": [[3, 4], [0.5, 0]]}
    assert server.post("several:predict", {"inputs": columns})["outputs"]["product"] == [11.0, 1.0]


def test_strings_bytes_integers_and_booleans(server: Server) -> None:
    rows = [
        {"text": "ä", "number": 9007199254740993, "flag": True, "image_bytes": {"b64": "/wA="}},
        {"text": "", "number": -1, "flag": False, "image_bytes": {"b64": ""}},
    ]
    assert server.post("echo:predict", {"instances": rows}) == {"predictions": rows}
    response = server.ask(
        "POST", "/v1/models/echo:predict", b'{"signature_name": "string", "inputs": ["\xff\xe4"]}'
    )
    assert response.content == b'{"outputs": ["\xff\xe4"]}'


@pytest.mark.parametrize("signature", ["float32", "float64"])
def test_numbers_come_back_as_they_went(server: Server, signature: str) -> None:
    values = [0.1, 1 / 3, 3.0, -0.0, 1e-40, 16777215, float("inf"), float("-inf")]
    answer = server.post("echo:predict", {"signature_name": signature, "inputs": values})["outputs"]
    assert np.array(answer, signature).tolist() == np.array(values, signature).tolist()
    answer = server.post("echo:predict", {"signature_name": signature, "inputs": [[float("nan")]]})
    assert np.isnan(answer["outputs"][0][0])


def test_types_without_json(server: Server) -> None:
    asked = {"signature_name": "float16", "inputs": [1]}
    assert server.refusal("echo:predict", asked, 501) == "Conversion of JSON Value: 1 to type: half"


def test_shapes(server: Server) -> None:
    assert server.post("scalar:predict", {"inputs": 3}) == {"outputs": 3.5}
    assert server.post("row_sums:predict", {"inputs": []}, 400)["error"]
    assert server.post("row_sums:predict", {"inputs": [[], []]}) == {"outputs": [0.0, 0.0]}
    assert server.post("half:predict", {"inputs": []}) == {"outputs": []}
    assert "must not be negative" in server.refusal("positive:predict", {"instances": [1, -1]})
    assert server.post("positive:predict", {"instances": [1]}) == {"predictions": [2.5]}


def test_classify_and_regress(server: Server) -> None:
    asked = {"signature_name": "classify_x_to_y", "examples": [{"x": 20.0}]}
    assert server.post("half:classify", asked) == {"results": [[["", 12.0]]]}
    asked = {"signature_name": "regress_x_to_y", "examples": [{"x": 80.0}, {"x": [2.0]}]}
    assert server.post("half/labels/stable:regress", asked) == {"results": [42.0, 3.0]}
    shared = {"signature_name": "regress_x_to_y", "context": {"x": 4.0}, "examples": [{}, {"x": 2.0}]}
    assert server.post("half:regress", shared) == {"results": [4.0, 3.0]}
    assert server.post("classes:classify", {"examples": [{"x": 0.5}]}) == {
        "results": [[["cat", 0.5], ["dog", 1.0], ["owl", 1.5]]]
    }
    assert "'examples' is expected and was not found" in server.refusal("classes:classify", {})
    assert server.refusal("half:regress", {"signature_name": "x", "examples": [{}]})


def test_status_and_metadata(server: Server) -> None:
    expected = {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    for path in ("half", "half/versions/123", "half/labels/stable"):
        assert json.loads(server.ask("GET", f"/v1/models/{path}").content) == expected
    answer = json.loads(server.ask("GET", "/v1/models/half/metadata").content)
    assert answer["model_spec"] == {"name": "half", "signature_name": "", "version": "123"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["regress_x_to_y"]
    assert signature["method_name"] == "tensorflow/serving/regress"
    assert signature["inputs"]["inputs"] == {
        "name": "tf_example:0",
        "dtype": "DT_STRING",
        "tensor_shape": signature["inputs"]["inputs"]["tensor_shape"],
    }
    missing = server.ask("GET", "/v1/models/nothing")
    assert (missing.status_code, missing.json()) == (
        404,
        {"error": "Could not find any versions of model nothing"},
    )
    assert server.ask("GET", "/v1/models/nothing/metadata").status_code == 404
    assert server.ask("GET", "/v1/models/half/versions/5").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("m:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(m)"),
        ("m/versions/9:predict", {"instances": [1]}, 404, "Servable not found for request: Specific(m, 9)"),
        (
            "half/versions/0:predict",
            {"instances": [1]},
            404,
            "Servable not found for request: Specific(half, 0)",
        ),
        ("..:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(..)"),
        ("m:regress", {"examples": [{}]}, 404, "Servable not found for request: Latest(m)"),
        ("half/labels/x:predict", {"instances": [1]}, 400, "Unrecognized servable version label: x"),
        (
            "half:predict",
            {"signature_name": "x", "instances": [1]},
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        ("half:predict", "", 400, "JSON Parse error: The document is empty"),
        ("m:predict", "instances = [1]", 400, "JSON Parse error: Invalid value. at offset: 0"),
        ("half:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        (
            "half:predict",
            {"instances": ["x"]},
            400,
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
            'JSON Value: "x" Type: String is not of expected type: float',
        ),
        ("half:explain", {}, 400, "Malformed request: POST /v1/models/half:explain"),
    ],
)
def test_errors(server: Server, path: str, body: Any, status: int, message: str) -> None:
    assert server.refusal(path, body, status) == message


def test_other_methods_and_paths(server: Server) -> None:
    response = server.ask("PUT", "/v1/models/half", "{}")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "Malformed request: PUT /v1/models/half"},
    )
    assert server.ask("HEAD", "/v1/models/half").status_code == 400
    assert server.ask("GET", "/v1/models").json() == {"error": "Missing model name in request."}
    assert server.ask("GET", "/").status_code == 404


def test_gzip_bodies(server: Server) -> None:
    packed = gzip.compress(b'{"instances": [1]}')
    headers = {"Content-Encoding": "gzip"}
    assert server.post("half:predict", packed, headers=headers) == {"predictions": [2.5]}
    assert "it is cut off" in server.refusal("half:predict", packed[:-3], headers=headers)


def test_limits_of_a_body(server: Server) -> None:
    app = make_app(server.manager, server.telemetry, max_body_bytes=1000)
    message = "Request body is larger than 1000 bytes"
    assert server.refusal("half:predict", b" " * 1001, 413, app=app) == message
    bomb = gzip.compress(b" " * 10**5)
    headers = {"Content-Encoding": "gzip"}
    assert server.refusal("half:predict", bomb, 413, app=app, headers=headers) == message
    assert server.post("half:predict", b'{"instances": [1]}' + b" " * 900, app=app)


def test_large_bodies_and_answers_leave_the_loop_free(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "LARGE_BYTES", 1000)
    monkeypatch.setattr(rest, "HUGE_BYTES", 10_000)
    monkeypatch.setattr(json_pieces, "PIECE", 500)
    values = np.arange(6000.0).reshape(3, 2000)
    for asked in ({"instances": values.tolist()}, {"inputs": values.tolist()}):
        answer = server.post("echo:predict", {"signature_name": "float64", **asked})
        assert answer == {"predictions" if "instances" in asked else "outputs": values.tolist()}
    examples = [{"x": float(number)} for number in range(3000)]
    answer = server.post("half:regress", {"signature_name": "regress_x_to_y", "examples": examples})
    assert answer["results"] == [number / 2 + 2 for number in range(3000)]


def test_a_call_may_take_so_long(server: Server) -> None:
    app = make_app(server.manager, server.telemetry, timeout_seconds=0.05)
    message = "Timed out waiting for notification"
    assert server.refusal("slow:predict", {"instances": [1]}, 504, app=app) == message
    assert server.telemetry.records[-1].status == "DEADLINE_EXCEEDED"
    for seconds in (0, None, 60):
        app = make_app(server.manager, server.telemetry, timeout_seconds=seconds)
        assert server.post("slow:predict", {"instances": [1]}, app=app) == {"predictions": [2.5]}


def test_unforeseen_failures_are_internal_errors(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(server.manager, "use", fail)
    error: Exception = RuntimeError("a bug")
    assert server.refusal("half:predict", {"instances": [1]}, 500) == "Internal error"
    assert "a bug" in caplog.text
    error = MemoryError()
    assert server.refusal("half:predict", {"instances": [1]}, 429) == "Out of memory"


def test_each_call_is_recorded(server: Server) -> None:
    server.telemetry.records.clear()
    body = b'{"instances": [1]}'
    answer = server.ask("POST", "/v1/models/half:predict", body).content
    server.ask("POST", "/v1/models/classes:classify", b'{"examples": [{"x": 1.0}]}')
    server.ask("GET", "/v1/models/half/metadata")
    server.ask("GET", "/v1/models/half")
    server.ask("POST", "/v1/models/m:predict", body)
    server.ask("GET", "/v1/elsewhere")
    assert [record[:5] for record in server.telemetry.records] == [
        ("Predict", "REST", "half", 123, "OK"),
        ("Classify", "REST", "classes", 123, "OK"),
        ("GetModelMetadata", "REST", "half", 123, "OK"),
        ("GetModelStatus", "REST", "half", None, "OK"),
        ("Predict", "REST", "m", None, "NOT_FOUND"),
        ("", "REST", "", None, "INVALID_ARGUMENT"),
    ]
    first = server.telemetry.records[0]
    assert (first.request_bytes, first.response_bytes, first.peer) == (
        len(body),
        len(answer),
        "127.0.0.1:123",
    )
    assert 0 < first.seconds < 10


def test_metrics(server: Server) -> None:
    server.post("half:predict", {"instances": [1]})
    response = server.ask("GET", "/monitoring/prometheus/metrics")
    assert response.headers["content-type"] == CONTENT_TYPE
    assert ':tensorflow:serving:request_count{model_name="half",status="OK"}' in response.text
    assert server.ask("POST", "/monitoring/prometheus/metrics").status_code == 404
    app = make_app(server.manager, server.telemetry)
    assert server.ask("GET", "/monitoring/prometheus/metrics", app=app).status_code == 404


def test_many_at_once(server: Server) -> None:
    async def ask_all() -> list[Any]:
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            calls = [
                client.post("/v1/models/half:predict", json={"instances": [float(number)]})
                for number in range(50)
            ]
            return [response.json() for response in await asyncio.gather(*calls)]

    assert server.run(ask_all()) == [{"predictions": [number / 2 + 2]} for number in range(50)]
