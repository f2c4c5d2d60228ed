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

import grpc

PREDICT = "/tensorflow.serving.PredictionService/Predict"
MOST_ANSWERS = 100

Ask = Callable[[], Awaitable[bytes]]


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

    async def client(self, ask: Ask) -> None:
        """One client until the time is over; a failure does not end it."""
        while (began := time.perf_counter()) < self.end:
            try:
                answer = await ask()
            except Exception as error:
                self.failures[f"{type(error).__name__}: {error}"] += 1
                continue
            ended = time.perf_counter()
            if len(self.answers) < MOST_ANSWERS:
                self.answers[answer] += 1
            if self.begin <= ended < self.end:
                self.latencies.append(ended - began)

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
    if given.protocol == "grpc":
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(given.target, options=options) as channel:
            call = channel.unary_unary(PREDICT)
            await load.client(lambda: call(body))
    else:
        http = Http(given.target, f"/v1/models/{given.model}:predict", body)
        await load.client(http.ask)
        http.close()


class Http:
    """One connection over HTTP/1.1 that is kept alive, and opened again where the server closed it."""

    def __init__(self, target: str, path: str, body: bytes) -> None:
        self._host, port = target.rsplit(":", 1)
        self._port = int(port)
        head = f"POST {path} HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self) -> bytes:
        """The body of the answer. Raises RuntimeError for another status than 200."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**24)
        try:
            self._writer.write(self._request)
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            answer = await self._reader.readexactly(length)
        except Exception:
            self.close()
            raise
        if b"connection: close" in head:
            self.close()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {answer.decode(errors='replace')}")
        return answer

    def close(self) -> None:
        """The next request opens a new connection."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None


if __name__ == "__main__":
    main()
