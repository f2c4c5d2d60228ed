"""The sections of a catalog file as pydantic models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from components.attributions.config import Attributions
from components.model_optimizer.config import Optimizer
from components.section import Section
from pipeline.beam_settings import Beam
from pipeline.loop.settings import Loop
from pipeline.orchestration.airflow_settings import Airflow
from pipeline.orchestration.kubeflow_settings import Kubeflow

UNLABELLED = ("language_model", "embedding")
# Metrics of a multiclass model that each of its classes has too; higher values are better.
PER_CLASS = ("precision", "recall", "f1")

# Sections of the trainer section that belong to the trainer module.
MODULE_SECTIONS = ("features", "model", "training", "tuning")


class Data(Section):
    """Where the examples come from, and how they are read and split."""

    path: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None,
        description="File, folder, glob, pattern with {SPAN} and {VERSION}, or a list of them, here or in a store; wins"
        " over loader.",
    )
    loader: str | None = Field(
        None, description="`module:function` that writes the CSV file when path is not given."
    )
    loader_args: dict[str, Any] = {}
    span: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The last span that is read; default: the latest there is."
    )
    spans: Annotated[int, Field(ge=1)] = Field(1, description="How many spans are read, up to that one.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    missing_values: tuple[str, ...] = ("",)
    types: dict[str, Literal["int", "float", "text"]] = {}
    drop: tuple[str, ...] = ()
    splits: dict[str, Annotated[int, Field(ge=1)]] = {"train": 7, "valid": 1, "eval": 2}
    images: Literal["folders", "idx", "csv"] | None = Field(
        None, description="The data are images: a folder per class, IDX files, or a CSV of paths and labels."
    )
    path_column: str = Field("path", description="The column of that CSV that names the image.")
    on_error: Literal["fail", "skip"] = "fail"
    max_errors: Annotated[int, Field(ge=0)] = 20
    max_pixels: Annotated[int, Field(ge=1)] = 50_000_000
    text: Literal["table", "folders", "windows", "parallel", "conll"] | None = Field(
        None,
        description="The data are texts: a column of a table, a folder per class, long files, pairs of lines, or tokens"
        " with tags.",
    )
    text_columns: tuple[str, ...] = Field((), description="The columns of a table that hold the texts.")
    group: tuple[str, ...] = Field(
        (), description="Columns whose values decide the split instead of the text."
    )
    duplicates: Literal["drop", "keep"] = "drop"
    window: Annotated[int, Field(ge=2)] = Field(1000, description="Of windows: characters of a piece, about.")
    max_chars: Annotated[int, Field(ge=1)] = 100_000
    on_long: Literal["fail", "cut", "skip"] = "fail"
    empty: Literal["fail", "skip"] = "fail"
    max_oov: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Highest share of the eval split's words that the train split does not have."
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """What `path` names; nothing where a loader does."""
        return (self.path,) if isinstance(self.path, str) else self.path or ()

    def _given(self, names: Sequence[str]) -> list[str]:
        """Those that are not as they are by default: a configuration that was written out in full can be read again."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    @pydantic.field_validator("splits", mode="before")
    @classmethod
    def _whole_shares(cls, splits: Any) -> Any:
        if isinstance(splits, dict) and any(isinstance(share, float) for share in splits.values()):
            raise ValueError("shares are whole numbers, for example {train: 7, valid: 1, eval: 2}")
        return splits

    @pydantic.field_validator("splits")
    @classmethod
    def _known_splits(cls, splits: dict[str, int]) -> dict[str, int]:
        if set(splits) != {"train", "valid", "eval"}:
            raise ValueError(
                "must name the splits train, valid and eval, for example {train: 7, valid: 1, eval: 2}"
            )
        return splits

    @pydantic.model_validator(mode="after")
    def _has_source(self) -> Data:
        if not self.path and not self.loader:
            raise ValueError("needs path (a CSV file, glob or pattern) or loader (module:function)")
        return self

    @pydantic.model_validator(mode="after")
    def _spans_are_of_paths(self) -> Data:
        if (self.span is not None or self.spans > 1) and not self.path:
            raise ValueError("span and spans are for a path that has {SPAN} or {YYYY}{MM}{DD}; take them out")
        if self.spans > 1 and (self.images or self.text == "folders"):
            what = f"images: {self.images}" if self.images else "text: folders"
            raise ValueError(
                f"spans: {self.spans}: of {what} one span is read at a time; take it out, and put what is trained on"
                " into each span"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _image_keys_need_images(self) -> Data:
        only_for_images = ("path_column", "on_error", "max_errors", "max_pixels")
        given = self._given(only_for_images)
        if self.images is None and given:
            raise ValueError(f"{given[0]} is for images; set images: folders, idx or csv, or take it out")
        if self.images and self.path is not None and not isinstance(self.path, str):
            raise ValueError("path: images lie in one folder, or are listed in one CSV; name that one")
        return self

    @pydantic.model_validator(mode="after")
    def _text_keys_need_text(self) -> Data:
        only_for_text = ("text_columns", "group", "duplicates", "max_chars", "on_long", "empty", "max_oov")
        given = self._given((*only_for_text, "window"))
        if self.text is None and given:
            raise ValueError(
                f"{given[0]} is for texts; set text: table, folders, windows, parallel or conll, or take it out"
            )
        if self.text and self.images:
            raise ValueError("text and images exclude each other; take one out")
        if self.text != "windows" and "window" in given:
            raise ValueError(f"window is for text: windows, not for text: {self.text}; take it out")
        if self.text in ("folders", "windows", "conll") and self.text_columns:
            raise ValueError(f"text_columns is for tables; text: {self.text} has no columns; take it out")
        if self.text == "folders" and self.path is not None and not isinstance(self.path, str):
            raise ValueError("path: text: folders needs the one folder that the class folders lie in")
        return self


class Schema(Section):
    """The expected form of the data: inferred from the data unless a curated file is named."""

    curated: str | None = Field(
        None, description="Path of a schema.pbtxt; relative paths: from the catalog file."
    )
    drift: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Column -> highest Jensen-Shannon divergence between the last span and this one."
    )
    skew: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Column -> highest Jensen-Shannon divergence between the train and the eval split."
    )


class Trainer(Section):
    """The trainer module, and its own sections, which the module's Config class validates."""

    module: str
    features: dict[str, Any] = {}
    model: dict[str, Any] = {}
    training: dict[str, Any] = {}
    tuning: dict[str, Any] = Field({}, description="A Tuner runs when its `trials` is more than 0.")


class Slice(Section):
    """Examples grouped by the values of some columns."""

    columns: tuple[str, ...]
    if_missing: Literal["error", "skip"] = Field(
        "error", description="What to do when the data has no such column."
    )


class Gate(Section):
    """A bound that the candidate model must keep to be blessed."""

    metric: str
    lower: float | None = None
    upper: float | None = None
    max_drop: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How much worse than the last blessed model it may be, in the metric's unit."
    )
    output: str | None = Field(
        None, description="The label column meant, where the model has several outputs."
    )
    slices: bool = Field(False, description="Whether the bound holds for every slice as well as overall.")
    classes: bool = Field(
        False,
        description="Whether it holds for every class too: precision, recall and f1 of a multiclass model.",
    )

    @pydantic.model_validator(mode="after")
    def _has_bound(self) -> Gate:
        if self.lower is None and self.upper is None and self.max_drop is None:
            raise ValueError("needs at least one of lower, upper, max_drop")
        return self


class Evaluation(Section):
    """What is measured on the held-out `eval` split, and what a model must reach."""

    metrics: tuple[str, ...] = ()
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)]
    slices: tuple[Slice, ...] = ()
    min_slice_examples: Annotated[int, Field(ge=1)] = 1
    mistakes: Annotated[int, Field(ge=0, le=1000)] = Field(
        25, description="How many of the worst predictions are kept, with their pictures; 0 for none."
    )
    predictions: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        20_000, description="How many of all predictions are kept, with their examples; 0 for none."
    )

    @pydantic.field_validator("slices", mode="before")
    @classmethod
    def _short_slices(cls, slices: Any) -> Any:
        if not isinstance(slices, (list, tuple)):
            return slices
        return [
            {"columns": [s]} if isinstance(s, str) else {"columns": s} if isinstance(s, list) else s
            for s in slices
        ]


class InfraValidator(Section):
    """Where TFX's InfraValidator runs TensorFlow Serving."""

    platform: Literal["docker", "kubernetes"] = "docker"
    image: str = "tensorflow/serving"
    tags: Annotated[tuple[str, ...], Field(min_length=1)] = ("latest",)
    docker_host: str | None = Field(None, description="Where Docker answers; default: the local socket.")
    service_account: str | None = Field(None, description="Of the pod; default: that of the pipeline's own.")
    tries: Annotated[int, Field(ge=1)] = 3


class ServingCheck(Section):
    """How a blessed model is served and asked before it is pushed."""

    enabled: bool = True
    with_: Literal["embedded", "infra_validator"] = Field("embedded", alias="with")
    requests: Annotated[int, Field(ge=1, le=1000)] = Field(
        32, description="Examples of the eval split that are asked about, one by one and in one batch."
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(
        1e-5, description="How far floats may differ from the model's own, absolute plus relative."
    )
    max_memory_mb: Annotated[float, Field(gt=0)] | None = None
    max_p99_ms: Annotated[float, Field(gt=0)] | None = None
    start_seconds: Annotated[float, Field(gt=0)] = 120.0
    warmup_requests: Annotated[int, Field(ge=0, le=1000)] = Field(
        8, description="Requests with real rows that go into the pushed model; 0 for none."
    )
    infra_validator: InfraValidator = InfraValidator()

    @pydantic.model_validator(mode="after")
    def _bounds_are_measured(self) -> ServingCheck:
        bounds = [name for name in ("max_memory_mb", "max_p99_ms") if getattr(self, name) is not None]
        if self.with_ == "infra_validator" and bounds:
            raise ValueError(f"TFX's InfraValidator does not measure {bounds[0]}; take `with: embedded`")
        return self


class Push(Section):
    """Where blessed models go."""

    directory: str | None = Field(
        None,
        description="A folder, or s3://, gs://, hdfs://...; default: serving/<pipeline> below the home folder.",
    )
    keep: Annotated[int, Field(ge=1)] = 3


class Metadata(Section):
    """Where ML Metadata is kept, when not in the home; passwords stand in the environment or in a file."""

    uri: str | None = Field(
        None,
        description="sqlite:///path, postgresql://user@host:port/database or mysql://user@host:port/database.",
    )
    password_file: str | None = None


class Card(Section):
    """What people have to say about the model; the rest of its card is measured."""

    intended_use: str = ""
    not_for: str = Field("", description="Uses that it was not made or tested for.")
    data: str = Field("", description="Who collected the data, when, how, and what they do not cover.")
    limits: str = ""
    owner: str = Field("", description="Who answers questions about it.")
    license: str = ""


class Config(Section):
    """One pipeline: a file of pipeline/catalog."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    task: Literal[
        "binary", "multiclass", "regression", "language_model", "translation", "tagging", "embedding"
    ]
    label: str | Annotated[tuple[str, ...], Field(min_length=1)] = ()
    data: Data
    schema_: Schema = Field(Schema(), alias="schema")
    pipeline_root: str | None = Field(
        None, description="Where artifacts go: s3://bucket/folder, gs://, hdfs://; default: the home folder."
    )
    trainer: Trainer
    evaluation: Evaluation
    attributions: Attributions | None = Field(
        None, description="Which features the answers come from, measured on the eval split."
    )
    serving_check: ServingCheck = ServingCheck()
    optimizer: Optimizer | None = Field(None, description="TensorFlow Lite forms of a blessed model.")
    push: Push = Push()
    card: Card = Card()
    beam: Beam = Beam()
    metadata: Metadata = Metadata()
    airflow: Airflow = Airflow()
    kubeflow: Kubeflow = Kubeflow()
    loop: Loop = Loop()

    @property
    def labels(self) -> list[str]:
        return [self.label] if isinstance(self.label, str) else list(self.label)

    def dump(self) -> dict[str, Any]:
        """The resolved configuration as JSON-able values, with the keys of the file, which can be read again."""
        return self.model_dump(mode="json", by_alias=True, exclude=None if self.label else {"label"})
