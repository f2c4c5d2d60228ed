"""The compose file keeps to the Compose Specification, as far as it uses it, and to what stands beside it."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from serving.deploy import compose
from serving.deploy.files import files
from serving.deploy.settings import Settings
from serving.options import parse_options

SETTINGS = Settings({"penguin": Path("/srv/serving/penguin"), "taxi": Path("/data/taxi")}, 1000)

TEXTS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
DURATION = {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"}
MEMORY = {"type": "string", "pattern": r"^\d+[bkmg]$"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


# The keys that are written, with the types that https://github.com/compose-spec/compose-spec gives them.
SERVICE = {
    **closed(
        image={"type": "string"},
        entrypoint=TEXTS,
        command=TEXTS,
        profiles=TEXTS,
        ports={"type": "array", "items": {"type": "string", "pattern": r"^[\d.]+:\d+:\d+$"}},
        volumes={
            "type": "array",
            "items": {
                **closed(
                    type={"const": "bind"},
                    source={"type": "string"},
                    target={"type": "string", "pattern": "^/"},
                    read_only={"type": "boolean"},
                    bind=closed(create_host_path={"type": "boolean"}),
                ),
                "required": ["type", "source", "target"],
            },
        },
        user={"type": "string"},
        read_only={"type": "boolean"},
        cap_drop=TEXTS,
        security_opt=TEXTS,
        tmpfs=TEXTS,
        healthcheck=closed(
            test={"type": "array", "items": {"type": "string"}},
            interval=DURATION,
            timeout=DURATION,
            retries={"type": "integer"},
            start_period=DURATION,
        ),
        deploy=closed(
            resources=closed(
                limits=closed(cpus={"type": "string", "pattern": r"^[\d.]+$"}, memory=MEMORY),
                reservations=closed(memory=MEMORY),
            )
        ),
        depends_on={
            "type": "object",
            "additionalProperties": closed(
                condition={"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
            ),
        },
        restart={"enum": ["no", "always", "on-failure", "unless-stopped"]},
    ),
    "required": ["image"],
}
SCHEMA = {
    **closed(
        name={"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        services={"type": "object", "additionalProperties": SERVICE},
    ),
    "required": ["services"],
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(yaml.safe_load(files(SETTINGS)["compose.yaml"]))


def test_only_known_keys_with_their_types(document: dict[str, Any]) -> None:
    jsonschema.validate(document, SCHEMA)
    document["services"]["serving"]["healthcheck"]["retires"] = 3
    with pytest.raises(jsonschema.ValidationError, match="retires"):
        jsonschema.validate(document, SCHEMA)
    del document["services"]["serving"]["healthcheck"]["retires"]


def test_what_is_mounted(document: dict[str, Any]) -> None:
    mounts = {mount["target"]: mount for mount in document["services"]["serving"]["volumes"]}
    assert {target: mount["source"] for target, mount in mounts.items()} == {
        "/config": "./config",
        "/models/penguin": "/srv/serving/penguin",
        "/models/taxi": "/data/taxi",
    }
    written = files(SETTINGS)
    for service in document["services"].values():
        for mount in service["volumes"]:
            assert mount["read_only"] is True
            if mount["source"].startswith("./"):
                below = mount["source"].removeprefix("./")
                assert below in written or any(path.startswith(f"{below}/") for path in written)


def test_the_server_takes_its_arguments(document: dict[str, Any]) -> None:
    serving = document["services"]["serving"]
    options = parse_options(serving["command"])
    written = files(SETTINGS)
    for path in (options.model_config_file, options.batching_parameters_file, options.monitoring_config_file):
        assert path.removeprefix("/") in written
    assert serving["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]


def test_nothing_is_reachable_from_outside_and_nobody_is_root(document: dict[str, Any]) -> None:
    for service in document["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("65532:65532", True, ["ALL"])
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize(("status", "healthy"), [("200 OK", True), ("404 Not Found", False)])
def test_the_health_check_asks_for_the_model(status: str, healthy: bool) -> None:
    with socket.create_server(("localhost", 0)) as server:
        asked: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    request += connection.recv(1000)
                asked.append(request)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        check = compose.health_check("penguin", server.getsockname()[1]).replace("$$", "$")
        done = subprocess.run(["bash", "-c", check], timeout=60)
        thread.join()
    assert (done.returncode == 0) is healthy
    assert asked == [b"GET /v1/models/penguin/metadata HTTP/1.0\r\n\r\n"]


def test_a_server_that_is_not_there_is_not_healthy() -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    check = compose.health_check("penguin", port).replace("$$", "$")
    assert subprocess.run(["bash", "-c", check], capture_output=True, timeout=60).returncode != 0
