"""The engine of Beam: its options, and one line before the run when it does not answer."""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from apache_beam.options import pipeline_options

from common.errors import UserError
from pipeline import beam_engine, config
from pipeline.beam_settings import Beam
from tests.end_to_end.project import mlpipe
from tests.portable_beam import free_address


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("localhost", 0)) as listener:
        yield listener


@pytest.fixture
def listening(server: socket.socket) -> str:
    return f"localhost:{server.getsockname()[1]}"


def asked(server: socket.socket) -> int:
    """How many connections have come in."""
    server.settimeout(0)
    found = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            found += 1
    return found


def portable(job_endpoint: str, workers: str) -> Beam:
    return Beam(engine="portable", job_endpoint=job_endpoint, workers=workers)


def flink(job_endpoint: str = "jobs:8099", **keys: object) -> Beam:
    return Beam.model_validate({"engine": "flink", "job_endpoint": job_endpoint, **keys})


@contextmanager
def overview(answer: bytes) -> Iterator[str]:
    """The address of what answers so to all that it is asked, as Flink's REST service does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/overview" else 404)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("localhost", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever).start()
        try:
            yield f"localhost:{httpd.server_port}"
        finally:
            httpd.shutdown()


def test_here_is_the_default() -> None:
    assert beam_engine.arguments(config.load("penguin").beam) == [
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        "--no_pipeline_type_check",
        "--sdk_container_image=none",
    ]
    beam_engine.check(Beam())


def test_own_options_come_last() -> None:
    section = Beam(options=("--direct_running_mode=multi_processing", "--direct_num_workers=2"))
    assert beam_engine.arguments(section)[-2:] == list(section.options)


def test_what_a_run_recorded_before_there_were_engines_is_read() -> None:
    values = config.load("penguin").dump()
    options = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--no_pipeline_type_check"]
    assert config.recorded({**values, "beam": {"options": options}}).beam.engine == "local"


def test_portable() -> None:
    assert beam_engine.arguments(portable("jobs:8099", "pool:50000"))[:4] == [
        "--runner=PortableRunner",
        "--job_endpoint=jobs:8099",
        "--environment_type=EXTERNAL",
        "--environment_config=pool:50000",
    ]


def test_workers_by_a_command_or_an_image() -> None:
    section = Beam(engine="portable", job_endpoint="jobs:8099", worker_command="/opt/worker")
    assert beam_engine.arguments(section)[2:4] == [
        "--environment_type=PROCESS",
        '--environment_config={"command": "/opt/worker"}',
    ]
    section = Beam(engine="portable", job_endpoint="jobs:8099", worker_image="registry/mlpipe:1")
    arguments = beam_engine.arguments(section)
    assert arguments[2:4] == ["--environment_type=DOCKER", "--environment_config=registry/mlpipe:1"]
    assert "--sdk_container_image=registry/mlpipe:1" in arguments


def test_flink() -> None:
    worker = Path(sys.executable).with_name("mlpipe-worker")
    assert beam_engine.arguments(flink(flink_master="flink:8081", parallelism=4)) == [
        "--runner=PortableRunner",
        "--job_endpoint=jobs:8099",
        "--environment_type=PROCESS",
        f'--environment_config={{"command": "{worker}"}}',
        "--environment_cache_millis=30000",
        "--flink_master=flink:8081",
        "--parallelism=4",
        "--no_pipeline_type_check",
        "--sdk_container_image=none",
    ]


def test_spark() -> None:
    section = Beam(engine="spark", job_endpoint="jobs:8099", worker_command="/opt/worker")
    assert beam_engine.arguments(section) == [
        "--runner=PortableRunner",
        "--job_endpoint=jobs:8099",
        "--environment_type=PROCESS",
        '--environment_config={"command": "/opt/worker"}',
        "--environment_cache_millis=30000",
        "--no_pipeline_type_check",
        "--sdk_container_image=none",
    ]


def test_dataflow() -> None:
    keys = {"project": "shop", "region": "europe-west1", "temp_location": "gs://shop/beam"}
    section = Beam.model_validate({"engine": "dataflow", "setup_file": True, **keys})
    beam_engine.check(section)
    options = pipeline_options.PipelineOptions(beam_engine.arguments(section))
    cloud = options.view_as(pipeline_options.GoogleCloudOptions)
    assert {key: getattr(cloud, key) for key in keys} == keys
    assert options.view_as(pipeline_options.StandardOptions).runner == "DataflowRunner"
    setup_file = Path(options.view_as(pipeline_options.SetupOptions).setup_file)
    assert "mlpipe-worker" in setup_file.read_text()
    assert options.view_as(pipeline_options.WorkerOptions).sdk_container_image is None


def test_no_setup_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beam_engine, "_SETUP_FILE", tmp_path / "setup.py")
    with pytest.raises(
        UserError, match=r"^beam.setup_file: this mlpipe is installed without its setup.py; run"
    ):
        beam_engine.check(
            Beam(engine="portable", job_endpoint="jobs:8099", workers="pool:1", setup_file=True)
        )


def test_flink_with_slots(listening: str) -> None:
    with overview(json.dumps({"slots-total": 2}).encode()) as master:
        beam_engine.check(flink(listening, flink_master=master, parallelism=2, worker_command="/opt/worker"))
        with pytest.raises(UserError) as caught:
            beam_engine.check(
                flink(listening, flink_master=master, parallelism=4, worker_command="/opt/worker")
            )
    assert str(caught.value) == (
        f"beam.parallelism: 4, but the Flink at {master} has 2 task slots; start more task managers, or ask for less"
    )


def test_something_else_than_flink(listening: str) -> None:
    with overview(b"hello") as master:
        with pytest.raises(UserError) as caught:
            beam_engine.check(flink(listening, flink_master=master, worker_command="/opt/worker"))
    assert str(caught.value).startswith(
        f"beam.flink_master: what answers at {master} is not Flink's REST service (JSONDecodeError("
    )


@pytest.mark.parametrize("answer", [b"\x00\x12 no HTTP\r\n", b"HTTP/1.0 200 OK\r\n\r\n[1]"])
def test_a_port_of_another_service(listening: str, answer: bytes) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(answer)

    with socketserver.TCPServer(("localhost", 0), Handler) as other:
        master = f"localhost:{other.server_address[1]}"
        threading.Thread(target=other.handle_request).start()
        with pytest.raises(UserError) as caught:
            beam_engine.check(flink(listening, flink_master=master, worker_command="/opt/worker"))
    assert str(caught.value).startswith(
        f"beam.flink_master: what answers at {master} is not Flink's REST service ("
    )


def test_no_flink(listening: str) -> None:
    address = free_address()
    with pytest.raises(UserError) as caught:
        beam_engine.check(flink(listening, flink_master=address, worker_command="/opt/worker"))
    assert str(caught.value) == (
        f"beam.flink_master: no Flink answers at {address} (Connection refused); start it, or take beam.engine: local"
    )


def test_no_worker_command(listening: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UserError) as caught:
        beam_engine.check(flink(listening))
    assert str(caught.value) == (
        f"beam.worker_command: {tmp_path}/mlpipe-worker is not there; make setup, or name the workers' own"
    )


def test_both_are_asked(server: socket.socket, listening: str) -> None:
    beam_engine.check(portable(listening, listening))
    assert asked(server) == 2


def test_workers_elsewhere_are_looked_for_by_the_job_service_alone(
    server: socket.socket, listening: str
) -> None:
    beam_engine.check(portable(listening, "workers.invalid:50000"))
    assert asked(server) == 1


def test_no_workers(listening: str) -> None:
    address = free_address()
    with pytest.raises(UserError) as caught:
        beam_engine.check(portable(listening, address))
    assert str(caught.value) == (
        f"beam.workers: no worker pool answers at {address} (Connection refused); start it, or take beam.engine: local"
    )


def test_no_job_service(tmp_path: Path) -> None:
    address = free_address()
    overrides = [
        f"beam.{value}" for value in ("engine=portable", f"job_endpoint={address}", "workers=pool:50000")
    ]
    options = [word for override in overrides for word in ("--set", override)]
    result = mlpipe("run", "penguin", *options, "--home", str(tmp_path / "home"))
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"mlpipe: beam.job_endpoint: no job service answers at {address} (Connection refused); start it, or take"
        " beam.engine: local\n"
    )
