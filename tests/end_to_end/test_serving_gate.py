"""A model that is good, and not served as it should be, is not pushed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.project import Project

pytestmark = pytest.mark.slow

# The Evaluator asks serving_examples, which is as it was: only who is asked twice tells.
FORGETFUL = """
from unittest import mock

import tensorflow as tf

from trainer_modules import tabular
from trainer_modules.common import export
from trainer_modules.tabular import preprocessing_fn


def save(module, folder, class_names=()):
    module.calls = tf.Variable(0.0)
    right = module.serving_default()

    @tf.function(input_signature=right.input_signature)
    def serving_default(features):
        outputs = right(features)
        return {**outputs, "probability": outputs["probability"] + module.calls.assign_add(1.0)}

    real_save(module, folder, class_names, serving_default=serving_default)


real_save = export.save


def run_fn(fn_args):
    with mock.patch.object(export, "save", save):
        tabular.run_fn(fn_args)
"""


@pytest.fixture
def forgetful(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.syspath_prepend(str(fresh.folder))
    Path("forgetful.py").write_text(FORGETFUL)
    fresh.change("trainer_modules.tabular", "forgetful")
    yield fresh
    sys.modules.pop("forgetful", None)


def test_a_model_that_answers_otherwise_when_served_is_not_pushed(forgetful: Project) -> None:
    result = forgetful.run()
    assert result.code == 3, result.out
    assert len(result.err.splitlines()) == 1
    assert re.match(
        r"mlpipe: serving gate: nothing pushed: serving_default over REST: output probability is \d+\.\d+, the model's"
        r" own is 1\.\d+ \(row \d+ of the batch of 32\) \(and 1 more\); all figures are in \S+/serving_check\.json$",
        result.err,
    )
    assert "verdict    blessed" in result.out
    assert "serving    FAILED: serving_default over REST: output probability is " in result.out
    assert forgetful.verdict()["blessed"] is True
    assert "Pusher" not in forgetful.states()
    assert forgetful.served() == []
    assert forgetful.runs() == ["gate_failed"]
    blessing = forgetful.artifact("ServingCheck", "blessing")
    assert sorted(entry.name for entry in Path(blessing.uri).iterdir()) == [
        "INFRA_NOT_BLESSED",
        "serving_check.json",
    ]

    # The same again does not slip through the cache.
    again = forgetful.run()
    assert (again.code, again.err) == (3, result.err)
    assert forgetful.states()["ServingCheck"] == "cached"
    assert forgetful.served() == []

    # Who leaves the check out is told so.
    unchecked = forgetful.run("--set", "serving_check.enabled=false")
    assert unchecked.code == 0, unchecked.err
    assert "serving    not checked (serving_check.enabled is false)" in unchecked.out
    assert "ServingCheck" not in forgetful.states()
    assert forgetful.served() == ["1"]


def test_a_bound_that_does_not_hold(finished: Project) -> None:
    finished.change("evaluation:", "serving_check: {max_memory_mb: 20}\nevaluation:")
    result = finished.run()
    assert result.code == 3
    assert re.match(
        r"mlpipe: serving gate: nothing pushed: the server took \d+ MB, more than max_memory_mb: 20; all figures",
        result.err,
    )
    assert finished.executed() == ["ServingCheck"]
    assert finished.served() == ["1"]

    # Another bound asks again; the version that is served already stays the same one.
    finished.change("max_memory_mb: 20", "max_memory_mb: 20000, max_p99_ms: 20000")
    assert finished.run().code == 0
    assert finished.executed() == ["ServingCheck", "Pusher"]
    assert finished.served() == ["1"]
