"""What the page is about: a pushed version of a pipeline, and what its run left behind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from pipeline import copies, served
from pipeline.home import Home
from reports import run_facts
from reports.run_facts import Missing, RunFacts
from reports.what_if import held_out as held_out_module
from reports.what_if.held_out import HeldOut
from serving.client_types import Signature

CLASSES_FILE = "class_names.txt"


@dataclass(frozen=True)
class Subject:
    """A pushed version; `held_out` is None where `why_none` says why there is none."""

    pipeline: str
    version: int
    folder: Path
    versions: tuple[int, ...]
    task: str
    labels: tuple[str, ...]
    run_id: str
    held_out: HeldOut | None
    why_none: str
    booleans: frozenset[str]
    configured_slices: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores; empty where the model has none."""
        try:
            text = (self.folder / "assets" / CLASSES_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return self.held_out.classes if self.held_out else ()
        return tuple(text.splitlines())

    def vocabularies(self, columns: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Of these columns those whose values the model looks up -> the values, the most frequent first."""
        files = {path.name[-6:]: path for path in (self.folder / "assets").glob("vocabulary_*_??????")}
        found = {}
        for column in columns:
            path = files.get(hashlib.sha256(column.encode()).hexdigest()[:6])
            if path is not None:
                found[column] = tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
        return found

    def outputs(self, signature: Signature) -> tuple[str, ...]:
        """Names of the scores that `scores` makes of an answer; none where the task has no scores."""
        if self.task == "binary" and "probability" in signature.outputs:
            return (self.classes[1] if len(self.classes) == 2 else "probability",)
        if self.task == "multiclass" and "probabilities" in signature.outputs:
            return self.classes
        if self.task == "regression":
            return tuple(label for label in self.labels if label in signature.outputs)
        return ()

    def scores(self, answer: Mapping[str, Any]) -> list[float]:
        """The scores of an answer: probability of the positive class, of every class, or the value of every label."""
        if self.task == "binary":
            return [_scalar(answer["probability"])]
        if self.task == "multiclass":
            return [float(score) for score in answer["probabilities"]]
        return [_scalar(answer[label]) for label in self.labels if label in answer]


def find(home: Home, pipeline: str, version: int | None = None) -> Subject:
    """A version of a pipeline, by default the latest.

    Raises:
      UserError: the pipeline has pushed nothing, or has no such version (any more).
    """
    [found] = served.find(home, [pipeline])
    folder = copies.here(home, found.version(version))
    number = found.versions[-1] if version is None else version
    try:
        facts = run_facts.find(home, pipeline, f"v{number}")
    except UserError as error:
        return _without_run(found, number, folder, str(error))
    held_out, why_none = None, ""
    try:
        held_out = held_out_module.read(facts.folder("Evaluator", "evaluation"))
    except Missing as missing:
        why_none = f"There are no held-out examples. {missing} A run writes them: mlpipe run {pipeline} --from Evaluator."
    return Subject(
        pipeline=pipeline,
        version=number,
        folder=folder,
        versions=found.versions,
        task=facts.task or (held_out.task if held_out else ""),
        labels=tuple(facts.labels) or (held_out.labels if held_out else ()),
        run_id=facts.id,
        held_out=held_out,
        why_none=why_none,
        booleans=_booleans(facts),
        configured_slices=_configured_slices(facts.config),
    )


def _without_run(found: served.Served, version: int, folder: Path, reason: str) -> Subject:
    why = f"There are no held-out examples: the run that pushed version {version} is not known ({reason})."
    return Subject(found.name, version, folder, found.versions, "", (), "", None, why, frozenset(), ())


def _booleans(facts: RunFacts) -> frozenset[str]:
    """The features that the schema says are true or false."""
    # Here, as they are not needed to list models.
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        path = facts.folder("SchemaGen", "schema") / "schema.pbtxt"
        schema = text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except (Missing, OSError, text_format.ParseError, UnicodeDecodeError):
        return frozenset()
    return frozenset(feature.name for feature in schema.feature if feature.HasField("bool_domain"))


def _configured_slices(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The single columns of `evaluation.slices`."""
    found = []
    for entry in (config.get("evaluation") or {}).get("slices") or []:
        columns = entry.get("columns", []) if isinstance(entry, dict) else entry
        columns = [columns] if isinstance(columns, str) else list(columns)
        if len(columns) == 1:
            found.append(str(columns[0]))
    return tuple(dict.fromkeys(found))


def _scalar(value: Any) -> float:
    while isinstance(value, list):
        [value] = value
    return float(value)
