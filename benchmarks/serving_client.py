"""Closed-loop clients: each sends the same request again as soon as it is answered.

    python -m benchmarks.serving_client grpc|rest HOST:PORT --model M --body FILE --clients N --seconds S

Each client has a connection of its own; the request is serialized once and the answers are not parsed. Prints one line
of JSON: requests, seconds, p50 and p99 in milliseconds, failures, and every different answer with its count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from benchmarks.http2 import GrpcConnection

PREDICT = "/tensorflow.serving.PredictionService/Predict"
MOST_ANSWERS = 100


class Connection(Protocol):
    """What both protocols' connections can do."""

    async def call(self) -> bytes: ...

    def close(self) -> None: ...


Connect = Callable[[], Awaitable[Connection]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocol", choices=["grpc", "rest"])
    parser.add_argument("target")
    parser.add_argument("--model", required=True)
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--warm", type=float, default=1, help="seconds before the measurement begins")
    given = parser.parse_args()
    load = Load(given.warm, given.seconds)
    asyncio.run(_all(load, given))
    print(json.dumps(load.result()))


class Load:
    """The latencies in seconds of the requests that ended in the time that counts, and all failures."""

    def __init__(self, warm: float, seconds: float) -> None:
        self.begin = time.perf_counter() + warm
        self.end = self.begin + seconds
        self.latencies: list[float] = []
        self.failures: Counter[str] = Counter()
        self.answers: Counter[bytes] = Counter()

    async def client(self, connect: Connect) -> None:
        """One client until the time is over; after a failure it connects again."""
        connection = None
        while (began := time.perf_counter()) < self.end:
            try:
                connection = connection or await connect()
                answer = await connection.call()
            except Exception as error:
                self.failures[f"{type(error).__name__}: {error}"] += 1
                connection = None
                continue
            ended = time.perf_counter()
            if len(self.answers) < MOST_ANSWERS:
                self.answers[answer] += 1
            if self.begin <= ended < self.end:
                self.latencies.append(ended - began)
        if connection:
            connection.close()

    def result(self) -> dict:
        """What the command prints."""
        latencies = sorted(self.latencies)
        seconds = self.end - self.begin
        return {
            "requests": len(latencies),
            "seconds": round(seconds, 3),
            "per_second": len(latencies) / seconds,
            "p50_ms": percentile(latencies, 0.50) * 1e3,
            "p99_ms": percentile(latencies, 0.99) * 1e3,
            "failures": dict(self.failures),
            "answers": {b64encode(answer).decode(): count for answer, count in self.answers.items()},
        }


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def _all(load: Load, given: argparse.Namespace) -> None:
    body = given.body.read_bytes()
    await asyncio.gather(*(_client(load, given, body) for _ in range(given.clients)))


async def _client(load: Load, given: argparse.Namespace, body: bytes) -> None:
    host, port = given.target.rsplit(":", 1)

    def protocol() -> GrpcConnection | HttpConnection:
        if given.protocol == "grpc":
            return GrpcConnection(given.target, PREDICT, body)
        return HttpConnection(given.target, f"/v1/models/{given.model}:predict", body)

    async def connect() -> GrpcConnection | HttpConnection:
        _, connection = await asyncio.get_running_loop().create_connection(protocol, host, int(port))
        return connection

    await load.client(connect)


class HttpConnection(asyncio.Protocol):
    """One connection over HTTP/1.1 and one request at a time, always the same."""

    def __init__(self, target: str, path: str, body: bytes) -> None:
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {target}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        self._request = "\r\n".join([*lines, "", ""]).encode() + body
        self._received = b""
        self._done: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(RuntimeError(f"connection lost: {error}"))

    async def call(self) -> bytes:
        """The body of the answer. Raises RuntimeError for another status than 200."""
        self._done = asyncio.get_running_loop().create_future()
        self._received = b""
        self._transport.write(self._request)
        return await self._done

    def close(self) -> None:
        self._done = None
        self._transport.close()

    def data_received(self, received: bytes) -> None:
        self._received += received
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) == length and self._done and not self._done.done():
            if head.startswith(b"HTTP/1.1 200"):
                self._done.set_result(body)
            else:
                self._done.set_exception(RuntimeError(f"{head.splitlines()[0].decode()}: {body.decode()}"))


if __name__ == "__main__":
    main()
