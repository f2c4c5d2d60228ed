"""What a run writes about itself into ML Metadata, beside what TFX records of its components."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import fingerprint
from pipeline.metadata import Store, properties, register_run, run_context, update_run
from pipeline.runs import last_run, outputs_of
from pipeline.sections import Config
from pipeline.trainer_files import TrainerFile


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
    def digest(self) -> str:
        return fingerprint.of_values(
            self.config.dump(), self.code, self.versions, self.data, self.schema, self.files
        )


def fingerprint_run(
    config: Config,
    data: Sequence[dict[str, Any]],
    schema: Path | None,
    files: Mapping[str, TrainerFile],
) -> Fingerprint:
    """The fingerprint of a run of this configuration over these files, without importing what is fingerprinted.

    Args:
      config: the configuration.
      data: the input files with their fingerprints.
      schema: the curated schema, if there is one.
      files: the files that the trainer section names.
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
        data,
        fingerprint.of_file(schema) if schema else None,
        {key: file.sha256 for key, file in files.items()},
    )


def new_run_id(store: Store) -> str:
    """The time of start in UTC, with a counter where two runs start in one second."""
    base = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S")
    names = (base, *(f"{base}-{n}" for n in range(2, 1000)))
    return next(name for name in names if run_context(store, name) is None)


def begin(store: Store, run_id: str, made_of: Fingerprint, whole: bool) -> None:
    """Records that a run started, and all that it depends on; only a whole run can be found up to date later."""
    register_run(
        store,
        made_of.config.name,
        run_id,
        {
            "mlpipe_state": "running",
            "mlpipe_config": json.dumps(made_of.config.dump()),
            "mlpipe_fingerprint": made_of.digest if whole else "",
            "mlpipe_code": json.dumps(made_of.code),
            "mlpipe_versions": json.dumps(made_of.versions),
            "mlpipe_started": _now(),
        },
    )


def end(store: Store, run_id: str, state: str, reason: str = "") -> None:
    """Records how a run ended: succeeded, gate_failed, failed or interrupted."""
    update_run(store, run_id, {"mlpipe_state": state, "mlpipe_reason": reason, "mlpipe_ended": _now()})


def up_to_date(store: Store, made_of: Fingerprint) -> str | None:
    """The id of the last run when it succeeded with this very fingerprint and its model is still there, else None."""
    last = last_run(store, made_of.config.name)
    if last is None or last.state != "succeeded" or last.fingerprint != made_of.digest:
        return None
    # Of the run's own push: its resolver points at an earlier one, whose version may be gone.
    pushed = outputs_of(store, last.node("Pusher")).get("pushed_model")
    folder = properties(pushed).get("pushed_destination") if pushed is not None else None
    return last.id if folder and Path(folder, "saved_model.pb").is_file() else None


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
