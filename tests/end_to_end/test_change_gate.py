"""A new model is measured against the one that is served."""

from __future__ import annotations

import pytest

from tests.end_to_end.project import Project


@pytest.mark.slow
def test_against_the_model_served(finished: Project) -> None:
    first = finished.accuracy()["value"]
    finished.change("epochs: 20", "epochs: 21")
    result = finished.run()
    assert result.code == 0, result.err
    accuracy = finished.accuracy()
    assert accuracy["baseline"] == pytest.approx(first)
    assert accuracy["change"] == -0.1
    assert accuracy["ok"] is True
    assert finished.served() == ["1", "2"]

    # Good enough by its value, and much worse than the served one.
    finished.change("epochs: 21", "epochs: 1, learning_rate: 0.000001")
    finished.change("training: {learning_rate: 0.1, ", "training: {")
    finished.change("lower: 0.8", "lower: 0.01")
    result = finished.run()
    assert result.code == 3
    assert "last blessed" in result.err
    assert "at most 0.1 worse" in result.err
    assert len(result.err.splitlines()) == 1
    assert finished.accuracy()["ok"] is False
    assert finished.served() == ["1", "2"]
    assert finished.runs() == ["succeeded", "succeeded", "gate_failed"]
