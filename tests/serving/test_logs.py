from __future__ import annotations

import logging
import os

import pytest

from serving.logs import LineFormat, native_chatter_kept_back


def record(name: str, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, "%s", (text,), None)


def test_access_lines_are_json_alone_and_others_say_where_they_come_from():
    assert LineFormat().format(record("serving.access", '{"status":"OK"}')) == '{"status":"OK"}'
    assert LineFormat().format(record("serving.manager", "text")).endswith(" W serving.manager: text")


def test_chatter_is_dropped_when_all_went_well(capfd: pytest.CaptureFixture[str]):
    with native_chatter_kept_back():
        os.write(2, b"chatter\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_chatter_is_shown_when_something_failed(capfd: pytest.CaptureFixture[str]):
    def fail() -> None:
        os.write(2, b"the reason\n")
        raise ImportError("no")

    with pytest.raises(ImportError), native_chatter_kept_back():
        fail()
    assert capfd.readouterr().err == "the reason\n"
