from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import datetime, timezone

import pytest

from serving import access_log
from serving.access_log import AccessLog, RequestRecord, access_line

RECORD = RequestRecord("Predict", "GRPC", "half", 3, "OK", 0.0012, 100, 200, "ipv4:127.0.0.1:5")


def test_a_line_holds_all_but_the_payload() -> None:
    assert json.loads(access_line(0.25, RECORD)) == {
        "time": "1970-01-01T00:00:00.250000Z",
        "entrypoint": "GRPC",
        "api": "Predict",
        "model": "half",
        "version": 3,
        "status": "OK",
        "micros": 1200,
        "request_bytes": 100,
        "response_bytes": 200,
        "peer": "ipv4:127.0.0.1:5",
    }


def test_a_name_cannot_make_lines_of_its_own_or_fill_the_log() -> None:
    line = access_line(0, RECORD._replace(model="a\nb" + "x" * 1000))
    assert "\n" not in line
    assert json.loads(line)["model"] == ("a\nb" + "x" * 1000)[:200]


def test_a_name_that_is_not_unicode_is_logged_all_the_same() -> None:
    assert json.loads(access_line(0, RECORD._replace(model="a\udcffb")))["model"] == "a?b"


def test_without_a_loop_a_line_is_written_at_once(caplog: pytest.LogCaptureFixture) -> None:
    before = datetime.now(timezone.utc)
    with caplog.at_level(logging.INFO, "serving.access"):
        AccessLog().add(RECORD)
    [line] = caplog.messages
    written = datetime.fromisoformat(json.loads(line)["time"].replace("Z", "+00:00"))
    assert before <= written <= datetime.now(timezone.utc)


def test_on_a_loop_lines_are_written_together(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "SECONDS_BETWEEN_WRITES", 0.02)

    async def requests() -> None:
        log = AccessLog()
        for version in (1, 2, 3):
            log.add(RECORD._replace(version=version))
        assert caplog.messages == []
        await asyncio.sleep(0.05)
        assert len(caplog.messages) == 1
        log.add(RECORD._replace(version=4))
        await asyncio.sleep(0.05)

    with caplog.at_level(logging.INFO, "serving.access"):
        asyncio.run(requests())
    assert [[json.loads(line)["version"] for line in text.split("\n")] for text in caplog.messages] == [
        [1, 2, 3],
        [4],
    ]


def test_what_waits_is_written_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def requests() -> None:
        log = AccessLog()
        log.add(RECORD)
        log.flush()
        log.flush()

    with caplog.at_level(logging.INFO, "serving.access"):
        asyncio.run(requests())
    assert len(caplog.messages) == 1


def test_a_log_that_is_turned_off_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "serving.access")
    log = AccessLog()
    began = time.thread_time()
    for _ in range(1000):
        log.add(RECORD)
    assert time.thread_time() - began < 0.01
    assert caplog.messages == []
