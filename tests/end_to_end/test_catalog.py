"""Every pipeline of the catalog, from its data to a pushed model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import config, gates, metadata
from pipeline.home import Home
from tests.end_to_end.project import mlpipe

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", config.names())
def test_ends_blessed(name: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    result = mlpipe("run", name, "--home", str(home.root))
    assert result.code == 0, result.err
    assert (home.serving(name) / "1" / "saved_model.pb").is_file()

    store = metadata.open_store(home)
    (run,) = metadata.run_contexts(store, name)
    (evaluation,) = [a for a in metadata.artifacts_of(store, run) if a.type == "ModelEvaluation"]
    verdict = gates.verdict(evaluation)
    assert verdict["blessed"] is True
    overall = {(r["metric"], r["output"]): r for r in verdict["metrics"] if r["slice"] == "overall"}
    loaded = config.load(name)
    for gate in loaded.evaluation.gates:
        outputs = [gate.output] if gate.output else loaded.labels if len(loaded.labels) > 1 else [""]
        for output in outputs:
            row = overall[(gate.metric, output)]
            assert row["ok"] is True
            assert row["examples"] >= 30
            assert gate.lower is None or row["value"] >= gate.lower
            assert gate.upper is None or row["value"] <= gate.upper
