"""Runs in short: records of runs alone, as a run that has ended leaves them, without executions or artifacts."""

from __future__ import annotations

import json
from typing import Any

from pipeline import metadata, outcomes
from pipeline.home import Home
from pipeline.outcomes import Outcome


def add(
    home: Home, run_id: str, outcome: Outcome | None = None, pipeline: str = "penguin", **given: Any
) -> None:
    """Registers one run; `given` are its properties without their prefix, `config` a mapping."""
    config = {"name": pipeline, **given.pop("config", {})}
    described = {
        "state": "succeeded",
        "started": "2026-11-23T01:00:00+00:00",
        "config": json.dumps(config),
        **given,
    }
    properties = {f"mlpipe_{key}": value for key, value in described.items()}
    if outcome is not None:
        properties[outcomes.PROPERTY] = outcome.dump()
    metadata.register_run(metadata.open_store(home, create=True), pipeline, run_id, properties)
