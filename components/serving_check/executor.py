"""Serves the candidate, asks it, compares, and blesses it as TFX's InfraValidator does."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.serving_check import check, feeding, recorded, report, rows, server, stamped_model, standby
from components.serving_check.answers import Answer
from components.serving_check.constants import BLESSED, BLESSED_FILE, HAS_MODEL, NOT_BLESSED_FILE
from components.serving_check.feeding import Feed
from components.serving_check.interruption import cleaned_up_before_sigterm
from components.serving_check.own_answers import OwnFailure, OwnModel
from components.serving_check.questions import Question, questions
from components.serving_check.signatures import signatures


@dataclass
class Findings:
    """What the check has found so far."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    latency_ms: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory_mb: float | None = None
    start_seconds: float | None = None
    server_log: list[str] = field(default_factory=list)


class Executor(base_executor.BaseExecutor):
    """Leaves an InfraBlessing with the verdict, the figures, and the model with its warm-up requests."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = Path(blessing.uri)
        folder.mkdir(parents=True, exist_ok=True)
        saved_model = Path(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))
        asked = rows.read(
            artifact_utils.get_single_instance(input_dict["examples"]),
            exec_properties["split"],
            exec_properties["requests"],
            rows.columns_of(input_dict),
        )
        with cleaned_up_before_sigterm(), tempfile.TemporaryDirectory(dir=self._scratch()) as scratch:
            found = serve_and_compare(saved_model, folder, asked, exec_properties, Path(scratch))
        _bless(blessing, found, asked, exec_properties)

    def _scratch(self) -> str | None:
        """The folder that TFX removes after the execution, and `mlpipe gc` after one that was killed."""
        return self._get_tmp_dir() if self._context else None


def serve_and_compare(
    saved_model: Path,
    blessing: Path,
    asked: rows.Rows,
    parameters: Mapping[str, Any],
    scratch: Path,
    command: tuple[str, ...] = standby.COMMAND,
) -> Findings:
    """Serves `saved_model`, with warm-up requests below the folder `blessing`, and asks it about the rows.

    Raises:
      UserError: there is no SavedModel.
    """
    found, own, in_model = Findings(), OwnModel(saved_model), recorded.read(saved_model)
    for name, signature in signatures(saved_model).items():
        try:
            found.feeds[name] = _feed(name, signature, asked, own, in_model)
        except (feeding.CannotFeed, OwnFailure) as reason:
            found.not_checked[name] = str(reason)
    if not len(asked):
        found.failures.append(f"the split {parameters['split']} holds no example to ask about")
        return found
    model_name = parameters["model_name"]
    if parameters["warmup_requests"]:
        count = parameters["warmup_requests"]
        saved_model = stamped_model.stamp(saved_model, blessing, model_name, found.feeds, count, in_model)
    with server.running(saved_model, model_name, scratch, command) as served:
        try:
            # The server imports TensorFlow meanwhile.
            answered = _own_answers(own, len(asked), found)
            found.start_seconds = round(served.wait_until_ready(parameters["start_seconds"]), 2)
            results = check.ask_all(served, answered, parameters["tolerance"])
            served.check_alive()
            found.memory_mb = served.peak_memory_mb()
        except server.ServerFailed as error:
            found.failures.append(str(error))
            results = {}
        if found.failures or any(result.failures for result in results.values()):
            found.server_log = served.last_lines()
    for protocol, result in results.items():
        found.failures += result.failures.values()
        found.not_checked |= {f"{name} over {protocol}": why for name, why in result.not_asked.items()}
    found.latency_ms = {name: report.latency(result.latencies) for name, result in results.items()}
    found.failures += report.beyond_bounds(
        found.latency_ms,
        found.memory_mb,
        parameters.get("max_p99_ms"),
        parameters.get("max_memory_mb"),
    )
    if not found.feeds and not found.failures:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.not_checked.items())
        found.failures.append(f"no signature could be checked: {reasons or 'the model has none'}")
    return found


def _feed(
    name: str, signature: SignatureDef, asked: rows.Rows, own: OwnModel, in_model: recorded.Recorded
) -> Feed:
    """The examples as inputs of a signature or, where they do not hold what it takes, the requests in the model."""
    try:
        feed = feeding.feed(signature, asked, lambda *images: own.decode(*images))
    except feeding.CannotFeed:
        if name not in in_model.predictions:
            raise
    else:
        if not feed.guessed or name not in in_model.predictions:
            return feed
    return in_model.feed(name)


def _own_answers(own: OwnModel, count: int, found: Findings) -> list[tuple[Question, Answer]]:
    """Every question with the model's own answer; a signature that fails is taken out of the feeds."""
    try:
        _ = own.loaded
    except OwnFailure as error:
        found.failures.append(f"the model cannot be loaded: {error}")
        found.feeds.clear()
        return []
    answered: list[tuple[Question, Answer]] = []
    for name, feed in list(found.feeds.items()):
        try:
            answered += [
                (question, own.answer(question)) for question in questions(name, feed, min(count, feed.count))
            ]
        except OwnFailure as error:
            del found.feeds[name]
            if feed.guessed:
                found.not_checked[name] = f"it takes no serialized tf.Examples: {error}"
            else:
                found.failures.append(f"{name}: the model itself fails: {error}")
    return answered


def _bless(
    blessing: types.Artifact, found: Findings, asked: rows.Rows, parameters: Mapping[str, Any]
) -> None:
    """Writes the report, and the marks that TFX's InfraValidator leaves; a model that failed is not kept."""
    folder = Path(blessing.uri)
    stamped = Path(path_utils.stamped_model_path(blessing.uri))
    blessed = not found.failures
    report.write(
        folder,
        {
            "blessed": blessed,
            "failures": found.failures,
            "signatures": {name: {"method": f.method, "fed": f.kind} for name, f in found.feeds.items()},
            "not_checked": found.not_checked,
            "rows": len(asked),
            "latency_ms": found.latency_ms,
            "memory_mb": None if found.memory_mb is None else round(found.memory_mb, 1),
            "start_seconds": found.start_seconds,
            "tolerance": parameters["tolerance"],
            "max_p99_ms": parameters.get("max_p99_ms"),
            "max_memory_mb": parameters.get("max_memory_mb"),
            "server_log": found.server_log,
        },
    )
    for failure in found.failures:
        logging.error("%s", failure)
    if found.server_log:
        logging.error("the model server's last lines:\n%s", "\n".join(found.server_log))
    if not blessed and stamped.exists():
        shutil.rmtree(stamped)
    (folder / (BLESSED_FILE if blessed else NOT_BLESSED_FILE)).write_text("")
    blessing.set_int_custom_property(BLESSED, int(blessed))
    if stamped.exists():
        blessing.set_int_custom_property(HAS_MODEL, 1)
