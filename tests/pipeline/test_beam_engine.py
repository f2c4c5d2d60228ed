"""The engine of Beam: its options, and one line before the run when it does not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

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
