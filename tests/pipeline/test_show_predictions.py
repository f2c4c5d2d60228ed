"""Answers on the terminal."""

from __future__ import annotations

import pytest

from pipeline import show_predictions


def test_what_was_asked_is_told_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    show_predictions.show_table([{"label": "x [red] y"}], {"text": ["a [bold]b[/bold] :smile:"]})
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["text", "label"]
    assert row == "a [bold]b[/bold] :smile:  x [red] y"
