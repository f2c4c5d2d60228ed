"""A version with what is needed to ask it: its signature, the form, and how its answers are read."""

from __future__ import annotations

import dataclasses
import functools
import io
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.errors import BadInput
from pipeline.home import Home
from reports.what_if import form as form_module
from reports.what_if import subject as subject_module
from reports.what_if.form import Field
from reports.what_if.held_out import HeldOut
from reports.what_if.models import Models
from reports.what_if.subject import Subject, Which
from serving.client_types import Signature

if TYPE_CHECKING:
    from reports.what_if.server import Server

FRESH_SECONDS = 20.0
EXAMPLES_SIGNATURE = "serving_examples"
MOST_PIXELS = 50_000_000
_CURVED = ("number", "whole", "boolean", "text")
MOST_SHOWN = 200
"""Values of an output that has many for one example."""


@dataclass(frozen=True)
class Asked:
    """A version that can be asked; `signatures` are those of the model, `signature` is the one that the form is of.

    `predict` asks a signature: its name, rows -> output name -> value for each row.
    """

    subject: Subject
    predict: Callable[[str, Sequence[Mapping[str, Any]]], list[dict[str, Any]]]
    signatures: Mapping[str, Signature]
    signature: str
    form: Sequence[Field]

    @functools.cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the scores; none where the answers are no scores."""
        return self.subject.outputs(self.signatures[self.signature])

    @property
    def is_picture(self) -> bool:
        return len(self.form) == 1 and self.form[0].kind == "image"

    @property
    def is_table(self) -> bool:
        """Whether examples have features that can be compared one by one."""
        return bool(self.form) and all(field.kind in (*_CURVED, "long") for field in self.form)

    @property
    def curved(self) -> list[Field]:
        """The features whose influence is drawn as a curve."""
        return [field for field in self.form if field.kind in _CURVED] if self.is_table else []

    @property
    def held_out(self) -> HeldOut:
        """Raises BadInput where there are no held-out examples."""
        if self.subject.held_out is None:
            raise BadInput(self.subject.why_none)
        return self.subject.held_out

    def ask(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The model's own answers. Raises UserError."""
        return self.predict(self.signature, rows)

    def scores(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The scores of rows, float64 [rows, outputs]. Raises UserError."""
        return self._scores(self.ask(rows))

    def scores_of_examples(self, places: Sequence[int], held_out: HeldOut) -> np.ndarray:
        """The scores of held-out examples, maybe of another version, float64 [places, outputs]. Raises UserError."""
        records = held_out.serialized(places)
        if EXAMPLES_SIGNATURE in self.signatures and None not in records:
            [name] = self.signatures[EXAMPLES_SIGNATURE].inputs
            return self._scores(self.predict(EXAMPLES_SIGNATURE, [{name: record} for record in records]))
        if self.is_picture:
            raise BadInput("the pictures are too large: the evaluation kept none of them")
        return self.scores([form_module.row_of(self.form, row) for row in held_out.feature_values(places)])

    def picture_row(self, encoded: bytes) -> dict[str, Any]:
        """The row of an encoded picture. Raises BadInput: it is none, or the model takes none."""
        if not self.is_picture:
            raise BadInput(f"version {self.subject.title} takes no pictures")
        [field] = self.form
        check_picture(encoded)
        return {field.name: form_module.model_inputs.shaped(encoded, field.tensor)}

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The row for the model of what was typed in. Raises BadInput: the first value that is wrong."""
        filled = form_module.fill(self.form, values)
        if filled.errors:
            name, line = next(iter(filled.errors.items()))
            [column] = [field.column for field in self.form if field.name == name]
            raise BadInput(f"{column}: {line}")
        return filled.row

    def check_output(self, output: int) -> None:
        """Raises BadInput for what is no place in `outputs`."""
        if not 0 <= output < len(self.outputs):
            raise BadInput("the answers of this model are no scores")

    def named(self) -> dict[str, Any]:
        """Whose answer it is, as JSON."""
        return {"version": self.subject.version, "title": self.subject.title}

    def described(self, answer: Mapping[str, Any], tokens: Sequence[str] = ()) -> dict[str, Any]:
        """An answer as JSON: `scores` in the order of `outputs`, `label`, and what else the model said as text."""
        told: dict[str, Any] = {**self.named(), "scores": [], "label": None, "other": []}
        used = set()
        if self.outputs:
            told["scores"] = [finite(score) for score in self.subject.scores(answer)]
            used = {"probability", "probabilities", *self.outputs}
        if self.outputs and "label" in answer and self.subject.task != "regression":
            told["label"] = _text(answer["label"])
            used.add("label")
        for name, value in sorted(answer.items()):
            if name not in used:
                if isinstance(value, list) and tokens and len(value) >= len(tokens):
                    pairs = [[token, _text(tag)] for token, tag in zip(tokens, value, strict=False)]
                    told["other"].append({"name": name, "pairs": pairs})
                else:
                    told["other"].append({"name": name, "text": _text(value)})
        return told

    def _scores(self, answers: Sequence[Mapping[str, Any]]) -> np.ndarray:
        found = [self.subject.scores(answer) for answer in answers]
        return np.asarray(found, np.float64).reshape(len(answers), len(self.outputs))


class Bench:
    """The versions of a home, and of a model server; what was read of one is kept for FRESH_SECONDS, and while its model is the same."""

    def __init__(self, home: Home, models: Models | None = None, server: Server | None = None) -> None:
        self.home = home
        self.models = models or Models()
        self.server = server
        self._kept: dict[tuple[str, Which], tuple[float, int, Subject]] = {}
        self._forms: dict[
            tuple[str, Which, int, str], tuple[Mapping[str, Signature], str, Sequence[Field]]
        ] = {}
        self._lock = threading.Lock()

    def subject(self, pipeline: str, which: Which = Which()) -> Subject:
        """A version. Raises UserError: there is none such."""
        kept = self._kept.get((pipeline, which))
        if kept is not None:
            until, changed, subject = kept
            if time.monotonic() < until and _changed(subject.folder) == changed:
                return subject
        if which.at_server:
            subject = subject_module.find_served(self.home, self._server(), pipeline, which.number)
        else:
            subject = subject_module.find(self.home, pipeline, which.number)
        entry = (time.monotonic() + FRESH_SECONDS, _changed(subject.folder), subject)
        with self._lock:
            if len(self._kept) > 50:
                self._kept.clear()
            self._kept[pipeline, which] = entry
        return subject

    def asked(self, pipeline: str, which: Which = Which()) -> Asked:
        """A version that answers. Raises UserError: there is none such, or it cannot be loaded, or its server does not answer."""
        subject = self.subject(pipeline, which)
        signatures, predict = self._model(subject)
        source = str(subject.held_out.path) if subject.held_out else ""
        key = (pipeline, subject.which, _changed(subject.folder), source)
        kept = self._forms.get(key)
        if kept is None or kept[0] != signatures:
            name = form_module.choose_signature(f"{pipeline} version {subject.version}", signatures)
            inputs = signatures[name].inputs
            columns = subject.held_out.features if subject.held_out else inputs
            fields = form_module.fields(
                signatures[name],
                name == form_module.model_inputs.BYTES_SIGNATURE,
                subject.held_out,
                subject.vocabularies(columns),
                subject.booleans,
            )
            kept = (signatures, name, fields)
            with self._lock:
                if len(self._forms) > 20:
                    self._forms.clear()
                self._forms[key] = kept
        _, name, made = kept
        if not subject.task:
            subject = dataclasses.replace(subject, task=_task(signatures[name]))
        return Asked(subject, predict, signatures, name, made)

    def _model(self, subject: Subject) -> tuple[Mapping[str, Signature], Callable[..., list[dict[str, Any]]]]:
        """The signatures of a version, and who asks them."""
        if subject.server:
            server = self._server()
            predict = functools.partial(server.predict, subject.pipeline, subject.version)
            return server.signatures(subject.pipeline, subject.version), predict
        assert subject.folder is not None
        return self.models.signatures(subject.folder), functools.partial(self.models.predict, subject.folder)

    def _server(self) -> Server:
        if self.server is None:
            raise BadInput("no model server is asked: start the app with mlpipe ui --server http://HOST:PORT")
        return self.server


def check_picture(encoded: bytes) -> None:
    """Raises BadInput for what is no whole PNG or JPEG, or has too many pixels."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(encoded), formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise BadInput(
                    f"{picture.width} x {picture.height} pixels are too many; {MOST_PIXELS:,} at most"
                )
            picture.load()
    except UnidentifiedImageError:
        raise BadInput("this is no picture in PNG or JPEG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise BadInput("this picture is damaged; give a whole PNG or JPEG") from None


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def listed(values: Any) -> list[float | None]:
    """Numbers for JSON."""
    return [finite(value) for value in values]


def _task(signature: Signature) -> str:
    """What a model does whose run is not known, as far as its outputs tell."""
    names = {"probability": "binary", "probabilities": "multiclass"}
    return next((task for name, task in names.items() if name in signature.outputs), "")


def _text(value: Any) -> str:
    if isinstance(value, list):
        if len(value) == 1:
            return _text(value[0])
        shown = [_text(one) for one in value[:MOST_SHOWN]]
        rest = f" … ({len(value):,} values)" if len(value) > MOST_SHOWN else ""
        return " ".join(one for one in shown if one) + rest
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _changed(folder: Path | None) -> int:
    try:
        return -1 if folder is None else (folder / "saved_model.pb").stat().st_mtime_ns
    except OSError:
        return -1
