"""What the page is about: a version of a pipeline that was pushed or is served, and what its run left behind."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from pipeline import copies, served
from pipeline.home import Home
from reports import run_facts
from reports.run_facts import Missing, RunFacts
from reports.what_if import held_out as held_out_module
from reports.what_if.held_out import HeldOut
from serving.client_types import Signature

if TYPE_CHECKING:
    from reports.what_if.server import Server

CLASSES_FILE = "class_names.txt"


@dataclass(frozen=True)
class Which:
    """A version as the page's address has it: `3` was pushed, `3@server` is asked of the model server.

    Without a number it is the latest.
    """

    number: int | None = None
    at_server: bool = False

    def __str__(self) -> str:
        return f"{'' if self.number is None else self.number}{'@server' if self.at_server else ''}"


@dataclass(frozen=True)
class Subject:
    """A version; `held_out` is None where `why_none` says why there is none.

    `folder` is where it was pushed, None where this home does not know it. `server` is the address of the server that is
    asked; empty where the model is loaded from its folder. `versions` are the pushed ones.
    """

    pipeline: str
    version: int
    folder: Path | None
    versions: tuple[int, ...]
    task: str
    labels: tuple[str, ...]
    run_id: str
    held_out: HeldOut | None
    why_none: str
    booleans: frozenset[str]
    configured_slices: tuple[str, ...]
    server: str = ""

    @property
    def which(self) -> Which:
        return Which(self.version, bool(self.server))

    @property
    def title(self) -> str:
        """The version as people are told of it: `3`, or `3 at http://localhost:8501`."""
        return f"{self.version} at {self.server}" if self.server else str(self.version)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the scores; empty where the model has none."""
        if self.folder is not None:
            try:
                text = (self.folder / "assets" / CLASSES_FILE).read_text(encoding="utf-8")
                return tuple(text.splitlines())
            except (OSError, UnicodeDecodeError):
                pass
        return self.held_out.classes if self.held_out else ()

    def vocabularies(self, columns: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Of these columns those whose values the model looks up -> the values, the most frequent first."""
        if self.folder is None:
            return {}
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
            shape = signature.outputs["probabilities"].shape
            return self.classes or tuple(str(place) for place in range(shape[-1] if shape else 0))
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
        return _without_run(found.name, number, folder, found.versions, str(error))
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


def find_served(home: Home, server: Server, pipeline: str, version: int | None = None) -> Subject:
    """A version that a server serves, by default its latest; what a home knows of the version of that number belongs to it.

    Raises:
      UserError: no version is named, and the server does not tell which it serves.
    """
    number = server.versions(pipeline)[-1] if version is None else version
    try:
        found = find(home, pipeline, number)
    except UserError as error:
        found = _without_run(pipeline, number, None, (), str(error))
    return dataclasses.replace(found, server=server.address)


def _without_run(
    pipeline: str, version: int, folder: Path | None, versions: tuple[int, ...], reason: str
) -> Subject:
    why = f"There are no held-out examples: the run that pushed version {version} is not known ({reason})."
    return Subject(pipeline, version, folder, versions, "", (), "", None, why, frozenset(), ())


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
