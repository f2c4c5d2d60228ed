"""The REST client against answers that a server gives only when something is wrong."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest

from serving.client import RequestFailed, RestClient
from tests.serving.process import REPOSITORY, free_port

GOOD = b'{"predictions": [2.5]}'
Reply = tuple[int, bytes]


@contextmanager
def answering(reply: Callable[[int], Reply], pause: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and the paths that it was asked for; `reply` gets the number of the request."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            status, body = reply(len(paths))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for i in range(len(body)):
                time.sleep(pause)
                try:
                    self.wfile.write(body[i : i + 1])
                except OSError:
                    return

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_503_is_asked_again() -> None:
    replies: list[Reply] = [(503, b'{"error": "draining"}'), (503, b"<html>"), (200, GOOD)]
    with answering(lambda count: replies[count - 1]) as (address, paths), RestClient(address) as client:
        assert client.predict_rows("m", [1.0]) == [2.5]
    assert paths == ["/v1/models/m:predict"] * 3


def test_400_is_not() -> None:
    with answering(lambda count: (400, b'{"error": "Malformed request: x"}')) as (address, paths):
        with RestClient(address) as client, pytest.raises(RequestFailed) as raised:
            client.predict_rows("m", [1.0])
    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.message == "Malformed request: x"
    assert len(paths) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (501, "UNIMPLEMENTED"),
        (504, "DEADLINE_EXCEEDED"),
        (418, "UNKNOWN"),
    ],
)
def test_codes(status: int, code: str) -> None:
    with (
        answering(lambda count: (status, b'{"error": "why"}')) as (address, _),
        RestClient(address) as client,
    ):
        with pytest.raises(RequestFailed, match=f"^{code}: why$"):
            client.predict_rows("m", [1.0])


def test_another_server_at_this_port() -> None:
    with answering(lambda count: (200, b"<html>hello</html>")) as (address, _), RestClient(address) as client:
        with pytest.raises(RequestFailed, match="answered HTTP 200, but not as a model server does"):
            client.predict_rows("m", [1.0])


def test_refused_connections_are_tried_until_the_server_is_there() -> None:
    with RestClient(f"http://127.0.0.1:{free_port()}", attempts=2) as client:
        start = time.monotonic()
        with pytest.raises(RequestFailed, match=r"UNAVAILABLE: http://127\.0\.0\.1:.*refused"):
            client.predict_rows("m", [1.0])
    assert 0.05 < time.monotonic() - start < 20


def test_a_silent_server_meets_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with RestClient(address) as client, pytest.raises(RequestFailed) as raised:
            client.predict_rows("m", [1.0], timeout=0.3)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert raised.value.message == f"no answer from {address} within 0.3 s"
    assert 0.25 < time.monotonic() - start < 20


def test_a_trickling_answer_meets_the_deadline() -> None:
    with answering(lambda count: (200, GOOD), pause=1.0) as (address, paths), RestClient(address) as client:
        start = time.monotonic()
        with pytest.raises(RequestFailed, match=r"^DEADLINE_EXCEEDED: "):
            client.predict_rows("m", [1.0], timeout=0.5)
        assert 0.4 < time.monotonic() - start < len(GOOD) / 2
    assert len(paths) == 1


def test_names_cannot_leave_their_place_in_the_path() -> None:
    with answering(lambda count: (200, GOOD)) as (address, paths), RestClient(address) as client:
        client.predict_rows("a/../b", [1.0])
        client.predict_rows("m", [1.0], label="x/y")
        client.predict_rows("m", [1.0], version=3)
        with pytest.raises(ValueError, match="version or label"):
            client.predict_rows("m", [1.0], version=3, label="x")
    assert paths == [
        "/v1/models/a%2F..%2Fb:predict",
        "/v1/models/m/labels/x%2Fy:predict",
        "/v1/models/m/versions/3:predict",
    ]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with answering(lambda count: (200, GOOD)) as (address, _), RestClient(address) as client:
        assert client.predict_rows("m", [1.0]) == [2.5]


def test_importing_the_client_does_not_import_tensorflow() -> None:
    script = "import sys, serving.client; print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
