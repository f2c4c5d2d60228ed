"""What a run depends on, and what it writes about itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.columnar_example_gen.options import ReaderOptions
from pipeline import config, metadata, record
from pipeline.home import Home
from pipeline.job import Inputs, Job
from pipeline.sources import Source
from pipeline.trainer_files import TrainerFile

FILES = [{"split": "all", "file": "rows.csv", "bytes": 12, "sha256": "ab"}]


def digest(
    *overrides: str,
    data: list[dict[str, Any]] = FILES,
    schema: Path | None = None,
    files: dict[str, TrainerFile] | None = None,
) -> str:
    inputs = Inputs(Source("", "", ReaderOptions(), data), schema, files or {})
    return record.fingerprint_run(config.load("penguin", overrides), inputs).digest


def begin(home: Home, run_id: str, whole: bool = True) -> tuple[metadata.Store, record.Fingerprint]:
    """A run of penguin that is recorded as begun."""
    store = metadata.open_store(home, create=True)
    loaded = config.load("penguin")
    inputs = Inputs(Source("", "", ReaderOptions(), FILES), None, {})
    made_of = record.fingerprint_run(loaded, inputs)
    record.begin(store, Job(loaded, home, run_id, inputs, []), made_of, whole)
    return store, made_of


def test_equal_runs_have_equal_fingerprints() -> None:
    assert digest() == digest()
    assert len(digest()) == 64


@pytest.mark.parametrize(
    "override",
    [
        "trainer.training.seed=7",
        "evaluation.gates.0.lower=0.5",
        "push.keep=9",
        "data.splits={train: 8, valid: 1, eval: 1}",
    ],
)
def test_the_configuration_counts(override: str) -> None:
    assert digest(override) != digest()


def test_the_data_counts() -> None:
    assert digest(data=[{**FILES[0], "sha256": "cd"}]) != digest()


def test_the_curated_schema_counts_by_its_content(tmp_path: Path) -> None:
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("a")
    before = digest(schema=schema)
    assert before != digest()
    schema.write_text("b")
    assert digest(schema=schema) != before


def test_a_file_of_the_trainer_counts_by_its_content_alone() -> None:
    def found(path: str, sha256: str) -> str:
        return digest(files={"model.transfer.weights": TrainerFile(Path(path), sha256)})

    assert found("a", "1") == found("b", "1")
    assert len({digest(), found("a", "1"), found("a", "2")}) == 3


def test_packages_and_code_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr(record.fingerprint, "versions", lambda: {"tensorflow": "3.0"})
    assert digest() != before
    monkeypatch.undo()
    monkeypatch.setattr(record.fingerprint, "of_module", lambda module: "other")
    assert digest() != before


@pytest.mark.parametrize("override", ["serving_check.enabled=false", "serving_check.with=infra_validator"])
def test_the_model_server_counts_where_it_is_asked(override: str) -> None:
    inputs = Inputs(Source("", "", ReaderOptions(), FILES), None, {})
    assert "serving.server" in record.fingerprint_run(config.load("penguin"), inputs).code
    without = record.fingerprint_run(config.load("penguin", [override]), inputs)
    assert "serving.server" not in without.code


def test_what_a_run_writes(tmp_path: Path) -> None:
    store, made_of = begin(Home(tmp_path), "r1")
    (run,) = metadata.run_contexts(store, "penguin")
    found = metadata.properties(run)
    assert found["mlpipe_state"] == "running"
    assert found["mlpipe_fingerprint"] == made_of.digest
    assert json.loads(found["mlpipe_config"])["name"] == "penguin"
    code = json.loads(found["mlpipe_code"])
    assert set(code) == {"pipeline.dag", "trainer_modules.tabular", "serving.server"}
    assert json.loads(found["mlpipe_versions"])["tfx"] == "1.21.0"
    assert found["mlpipe_started"].endswith("+00:00")

    record.end(store, "r1", "gate_failed", "accuracy 0.4")
    found = metadata.properties(metadata.run_contexts(store, "penguin")[0])
    assert (found["mlpipe_state"], found["mlpipe_reason"]) == ("gate_failed", "accuracy 0.4")
    assert found["mlpipe_ended"] >= found["mlpipe_started"]


def test_run_ids_of_one_second_differ(tmp_path: Path) -> None:
    store = metadata.open_store(Home(tmp_path), create=True)
    ids = []
    for _ in range(3):
        ids.append(record.new_run_id(store))
        begin(Home(tmp_path), ids[-1])
    assert len(set(ids)) == 3


def test_a_partial_run_is_never_up_to_date(tmp_path: Path) -> None:
    store, made_of = begin(Home(tmp_path), "r1", whole=False)
    record.end(store, "r1", "succeeded")
    assert record.up_to_date(store, made_of) is None


def test_when_airflow_runs_it_changes_no_fingerprint() -> None:
    assert digest() == digest("airflow.schedule=@daily", "airflow.retries=5")


def test_where_it_runs_changes_no_fingerprint() -> None:
    assert digest() == digest("kubeflow.image=mlpipe:2", "metadata.uri=postgresql://mlpipe@db/mlpipe")
