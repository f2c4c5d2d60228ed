"""What a run writes about itself into ML Metadata, beside what TFX records of its components."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import companions, fingerprint, outcomes, pushes
from pipeline.home import Home
from pipeline.job import Inputs, Job, dump
from pipeline.metadata import Store, properties, register_run, run_context, update_run
from pipeline.runs import Run, last_run, now, outputs_of
from pipeline.sections import Config

# Sections that say where a run is recorded, and who starts it where and when: they change nothing of what it makes.
_WHERE = ("pipeline_root", "metadata", "airflow", "kubeflow", "loop")


@dataclass(frozen=True)
class Fingerprint:
    """What the results of a run depend on: configuration, code, versions, data, a curated schema, the trainer's files."""

    config: Config
    code: dict[str, str]
    versions: dict[str, str]
    data: Sequence[dict[str, Any]]
    schema: str | None
    files: Mapping[str, str]

    @property
    def parts(self) -> dict[str, str]:
        """A digest of each part."""
        config = {key: value for key, value in self.config.dump().items() if key not in _WHERE}
        parts = {
            "configuration": config,
            "code": self.code,
            "versions": self.versions,
            "data": list(self.data),
            "schema": self.schema,
            "files": dict(self.files),
        }
        return {name: fingerprint.of_values(part) for name, part in parts.items()}

    @property
    def digest(self) -> str:
        return fingerprint.of_values(self.parts)


def fingerprint_run(config: Config, inputs: Inputs) -> Fingerprint:
    """The fingerprint of a run of this configuration over these files, without importing what is fingerprinted.

    Args:
      config: the configuration.
      inputs: its files.
    """
    loader = [config.data.loader.partition(":")[0]] if config.data.loader and not config.data.path else []
    check = config.serving_check
    server = ["serving.server"] if check.enabled and check.with_ == "embedded" else []
    modules = ("pipeline.dag", config.trainer.module, *server, *loader)
    code = {module: fingerprint.of_module(module) for module in modules}
    return Fingerprint(
        config,
        code,
        fingerprint.versions(),
        inputs.source.files,
        fingerprint.of_file(inputs.schema) if inputs.schema else None,
        {key: file.sha256 for key, file in inputs.files.items()},
    )


def new_run_id(store: Store) -> str:
    """The time of start in UTC, with a counter where two runs start in one second."""
    base = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S")
    names = (base, *(f"{base}-{n}" for n in range(2, 1000)))
    return next(name for name in names if run_context(store, name) is None)


def begin(store: Store, job: Job, made_of: Fingerprint, whole: bool, unit: str = "run") -> None:
    """Records that a run started, and all that it depends on; only a whole run can be found up to date later.

    unit: `run` for one process that runs its nodes, `node` for a process each.
    Raises UserError when there is a run of that id.
    """
    register_run(
        store,
        job.config.name,
        job.run_id,
        {
            **_of_start(job.config, job.home, made_of.versions),
            "mlpipe_unit": unit,
            **_of_files(job, made_of, whole),
        },
    )


def begin_evaluation(
    store: Store, config: Config, home: Home, run_id: str, described: Mapping[str, str]
) -> None:
    """Records that an evaluation on unseen data started, under the name of the pipeline's evaluations.

    described: further properties: which model, which data. Raises UserError when there is a run of that id.
    """
    register_run(
        store,
        companions.evaluations_of(config.name),
        run_id,
        {
            **_of_start(config, home, fingerprint.versions()),
            "mlpipe_unit": "run",
            **described,
        },
    )


def renew(store: Store, job: Job, made_of: Fingerprint, whole: bool) -> None:
    """Records anew what a run depends on: its data are read now, and may not be what they were when it began."""
    update_run(store, job.run_id, _of_files(job, made_of, whole))


def changes(run: Run, made_of: Fingerprint) -> list[str]:
    """What a run depends on, other than its data, that changed since it began."""
    return [
        part for part, digest in made_of.parts.items() if part != "data" and digest != run.parts.get(part)
    ]


def forget_fingerprint(store: Store, run_id: str) -> None:
    """Records that a run can never be found up to date, as its nodes did not all see the same."""
    update_run(store, run_id, {"mlpipe_fingerprint": ""})


def resume(store: Store, run_id: str) -> None:
    """Records that a run goes on, node by node; one that ended at a gate never does."""
    if not _ended_at_gate(store, run_id):
        going_on = {"mlpipe_state": "running", "mlpipe_reason": "", "mlpipe_ended": "", "mlpipe_unit": "node"}
        update_run(store, run_id, going_on)


def end(store: Store, run_id: str, state: str, reason: str = "") -> None:
    """Records how a run ended: succeeded, gate_failed, failed or interrupted.

    A gate that failed stays the reason, whatever becomes of nodes that ran beside it.
    """
    if _ended_at_gate(store, run_id):
        return
    context = run_context(store, run_id)
    came = {outcomes.PROPERTY: outcomes.read(store, [context.id])[context.id].dump()} if context else {}
    described = {"mlpipe_state": state, "mlpipe_reason": reason, "mlpipe_ended": now()}
    update_run(store, run_id, {**described, **came})


def up_to_date(store: Store, made_of: Fingerprint) -> str | None:
    """The id of the last run when it succeeded with this very fingerprint and its model is still there, else None."""
    last = last_run(store, made_of.config.name)
    if last is None or last.state != "succeeded" or last.fingerprint != made_of.digest:
        return None
    # Of the run's own push: its resolver points at an earlier one, whose version may be gone.
    pushed = outputs_of(store, last.node("Pusher")).get("pushed_model")
    folder = properties(pushed).get("pushed_destination") if pushed is not None else None
    return last.id if folder and pushes.is_there(folder) else None


def _ended_at_gate(store: Store, run_id: str) -> bool:
    context = run_context(store, run_id)
    return context is not None and properties(context).get("mlpipe_state") == "gate_failed"


def _of_start(config: Config, home: Home, versions: Mapping[str, str]) -> dict[str, str]:
    return {
        "mlpipe_state": "running",
        "mlpipe_config": json.dumps(config.dump()),
        "mlpipe_versions": json.dumps(versions),
        "mlpipe_started": now(),
        "mlpipe_runner": os.environ.get("MLPIPE_RUNNER") or "local",
        "mlpipe_home": home.identity(),
    }


def _of_files(job: Job, made_of: Fingerprint, whole: bool) -> dict[str, str]:
    return {
        "mlpipe_fingerprint": made_of.digest if whole else "",
        "mlpipe_code": json.dumps(made_of.code),
        "mlpipe_parts": json.dumps(made_of.parts),
        "mlpipe_inputs": dump(job),
    }
