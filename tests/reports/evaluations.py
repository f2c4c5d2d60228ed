"""Records of a model and of evaluations of it on unseen data."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.home import Home
from tests.pipeline.records import Recorder

TRAINED, AGAINST, LAST = "20261123-010000", "20261124-070000", "20261124-080000"
REFUSED = "20261125-010000"
EVIL = "<script>alert(1)</script>.csv"
WARNING = "warning: version 1 was trained on this very data"


@dataclass
class Evaluated:
    """The run TRAINED, its evaluations AGAINST (on EVIL) and LAST (on later.csv), and the run REFUSED.

    model: the artifact of TRAINED; made: node -> output key -> artifact of LAST.
    """

    recorder: Recorder
    model: int
    made: dict[str, dict[str, int]]


def recorded(home: Home) -> Evaluated:
    """Writes them into a home."""
    recorder = Recorder(home)
    trained = recorder.run(TRAINED)
    recorder.evaluate(AGAINST, trained, file=EVIL, notes=[WARNING])
    made = recorder.evaluate(LAST, trained, file="later.csv", accuracy=0.96, state="succeeded")
    recorder.run(REFUSED, accuracy=0.5, state="gate_failed", trainer={"learning_rate": 9.0})
    return Evaluated(recorder, trained["Trainer"]["model"], made)
