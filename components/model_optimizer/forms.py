"""The forms as files in the artifact's folder, and what answers from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow as pa
from tfx import types

from components.model_optimizer import convert, metadata, representative
from components.model_optimizer.config import Optimizer
from components.model_optimizer.constants import LABELS, METADATA, MODEL, Form
from components.model_optimizer.description import describe
from components.model_optimizer.features import Inputs, Reader
from components.model_optimizer.graph import Graph
from components.model_optimizer.interpreter import Interpreter
from components.model_optimizer.obstacle import Obstacle

TRAIN = "train"


@dataclass(frozen=True)
class Naming:
    """What the metadata says of a model."""

    model_name: str
    signature: str
    task: str
    class_names: Sequence[str]


@dataclass(frozen=True)
class Made:
    """What answers from each form's file, and why the other forms could not be made.

    `float_ops`: of int8, the ops that have no 8-bit counterpart.
    """

    answering: dict[Form, Interpreter] = field(default_factory=dict)
    float_ops: dict[Form, list[str]] = field(default_factory=dict)
    reasons: dict[Form, str] = field(default_factory=dict)


def make(
    source: Graph,
    settings: Optimizer,
    naming: Naming,
    examples: types.Artifact,
    reader: Reader,
    folder: Path,
) -> Made:
    """Writes `<form>/model.tflite`, `labels.txt` (for classes) and `metadata.json` below `folder`."""
    made = Made()

    @cache
    def sample() -> pa.RecordBatch:
        return representative.sample(examples, TRAIN, settings.representative)

    def ranges() -> Iterator[Inputs]:
        return representative.one_by_one(sample(), reader)

    for form in settings.forms:
        try:
            model = convert.convert(source, form, ranges)
            described = metadata.in_order(
                model,
                describe(
                    naming.model_name,
                    form,
                    naming.signature,
                    naming.task,
                    source.inputs,
                    source.outputs,
                    naming.class_names,
                ),
            )
            file = _write(folder / form, metadata.add(model, described), described)
            if form == "int8":
                made.float_ops[form] = convert.float_ops(model)
            made.answering[form] = Interpreter(file, naming.signature)
        except Obstacle as reason:
            made.reasons[form] = str(reason)
    return made


def _write(folder: Path, model: bytes, described: Mapping[str, object]) -> Path:
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(model)
    names = described["classes"]
    if names:
        (folder / LABELS).write_text(metadata.labels_text(names), encoding="utf-8")  # type: ignore[arg-type]
    (folder / METADATA).write_text(json.dumps(described, indent=1))
    return folder / MODEL
