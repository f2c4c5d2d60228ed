"""The typed form of a catalog file; a wrong key, type or value is named with its file, line, place and mend."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field

from common.errors import BadInput

CATALOG = Path(__file__).parent / "catalog"
REPOSITORY = Path(__file__).parent.parent

# metric -> is a higher value better
METRICS = {
    "binary": {
        "accuracy": True,
        "auc": True,
        "auc_precision_recall": True,
        "precision": True,
        "recall": True,
        "loss": False,
    },
    "multiclass": {"accuracy": True, "loss": False},
    "regression": {"rmse": False, "mae": False, "mse": False},
}


# Sections of the trainer section that belong to the trainer module.
MODULE_SECTIONS = ("features", "model", "training", "tuning")


class Section(BaseModel):
    """A part of a catalog file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Where the examples come from, and how they are read and split."""

    path: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None,
        description="File, folder, glob, pattern with {SPAN} and {VERSION}, or a list of them; wins over loader.",
    )
    loader: str | None = Field(
        None, description="`module:function` that writes the CSV file when path is not given."
    )
    loader_args: dict[str, Any] = {}
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    missing_values: tuple[str, ...] = ("",)
    types: dict[str, Literal["int", "float", "text"]] = {}
    drop: tuple[str, ...] = ()
    splits: dict[str, Annotated[int, Field(ge=1)]] = {"train": 7, "valid": 1, "eval": 2}

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

    @pydantic.field_validator("slices", mode="before")
    @classmethod
    def _short_slices(cls, slices: Any) -> Any:
        if not isinstance(slices, (list, tuple)):
            return slices
        return [
            {"columns": [s]} if isinstance(s, str) else {"columns": s} if isinstance(s, list) else s
            for s in slices
        ]


class Push(Section):
    """Where blessed models go."""

    directory: str | None = Field(None, description="Default: serving/<pipeline> below the home folder.")
    keep: Annotated[int, Field(ge=1)] = 3


class Beam(Section):
    """How Beam runs."""

    options: tuple[str, ...] = (
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        "--no_pipeline_type_check",
        # Named, though nothing runs in it: without one TFX packs itself anew for every component, for remote workers.
        "--sdk_container_image=none",
    )

    @pydantic.field_validator("options")
    @classmethod
    def _exact_runners(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        text = " ".join(options)
        if "multi_threading" in text:
            raise ValueError(
                "direct_running_mode=multi_threading silently loses rows; use in_memory or multi_processing"
            )
        if "DaskRunner" in text:
            raise ValueError("Beam's DaskRunner drops sibling branches of this DAG; use another runner")
        return options


class Config(Section):
    """One pipeline: a file of pipeline/catalog."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    description: str = ""
    task: Literal["binary", "multiclass", "regression"]
    label: str | Annotated[tuple[str, ...], Field(min_length=1)]
    data: Data
    schema_: Schema = Field(Schema(), alias="schema")
    trainer: Trainer
    evaluation: Evaluation
    push: Push = Push()
    beam: Beam = Beam()

    @property
    def labels(self) -> list[str]:
        return [self.label] if isinstance(self.label, str) else list(self.label)

    def dump(self) -> dict[str, Any]:
        """The resolved configuration as JSON-able values, with the keys of the file."""
        return self.model_dump(mode="json", by_alias=True)


def names() -> list[str]:
    """Names of the pipelines in the catalog, sorted."""
    return sorted(path.stem for path in CATALOG.glob("*.yaml"))


def find(pipeline: str) -> Path:
    """The file of a catalog pipeline, or the YAML file itself when a path is given.

    Raises:
      BadInput: there is none; the nearest names are told.
    """
    if pipeline.endswith((".yaml", ".yml")) or "/" in pipeline:
        path = Path(pipeline)
        if not path.is_file():
            raise BadInput(f"{pipeline}: no such file")
        return path
    path = CATALOG / f"{pipeline}.yaml"
    if not path.is_file():
        raise BadInput(
            f"unknown pipeline {pipeline!r}{nearest(pipeline, names()) or ': the catalog has ' + ', '.join(names())}"
        )
    return path


def load(pipeline: str, overrides: Iterable[str] = ()) -> Config:
    """The configuration of a catalog pipeline or YAML file, with `key.subkey=value` overrides.

    Raises:
      BadInput: not YAML, a wrong key, type or value; one line with the file, line, place and the nearest valid name.
    """
    path = find(pipeline)
    text = _read(path)
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(_not_yaml(error, path)) from None
    _check_repeated(document, path)
    if not isinstance(values, dict):
        raise BadInput(
            f"{_display(path)}: a pipeline is a mapping of name, task, label, data, trainer, evaluation"
        )
    overridden: dict[tuple[str, ...], str] = {}
    for override in overrides:
        key = _override(values, override)
        overridden[key] = override
    return _validate(values, path, document, overridden)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{_display(path)}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{_display(path)}: {error.strerror}") from None


def _not_yaml(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if "'\\t'" in problem:
        problem = "a tab; indent with spaces"
    place = f"{_display(path)}:{mark.line + 1}" if mark else _display(path)
    return f"{place}: not valid YAML: {problem}"


def _check_repeated(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys without a word."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_repeated(item, path)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise BadInput(
                    f"{_display(path)}:{line}: {key.value}: is there twice, first on line {lines[key.value]};"
                    " keep one"
                )
            lines[key.value] = line
            _check_repeated(value, path)


def _override(values: dict[str, Any], override: str) -> tuple[str, ...]:
    key, separator, text = override.partition("=")
    parts = tuple(key.strip().split("."))
    if not separator or not all(parts):
        raise BadInput(f"--set {override}: write it as key.subkey=value, for example trainer.training.seed=7")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    section: Any = values
    for i, part in enumerate(parts[:-1]):
        section = (
            _child(section, part, override) if isinstance(section, list) else section.setdefault(part, {})
        )
        if not isinstance(section, (dict, list)):
            raise BadInput(f"--set {override}: {'.'.join(parts[: i + 1])} is a value, not a section")
    if isinstance(section, list):
        _child(section, parts[-1], override)
        section[int(parts[-1])] = value
    else:
        section[parts[-1]] = value
    return parts


def _child(items: list[Any], index: str, override: str) -> Any:
    if not index.isdigit() or int(index) >= len(items):
        raise BadInput(f"--set {override}: {index!r} is no index of a list of {len(items)} (0 is the first)")
    return items[int(index)]


def _validate(
    values: dict[str, Any], path: Path, document: yaml.Node | None, overridden: Mapping[tuple[str, ...], str]
) -> Config:
    def place(location: tuple[str | int, ...]) -> str:
        keys = tuple(str(part) for part in location)
        for key, override in overridden.items():
            if keys[: len(key)] == key or key[: len(keys)] == keys:
                return f"--set {override}"
        return f"{_display(path)}:{_line(document, location)}"

    try:
        config = Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise BadInput(_explain(error, Config, (), place)) from None
    if config.name != path.stem:
        raise BadInput(f"{place(('name',))}: name: {config.name!r} must be the file's name, {path.stem!r}")
    _check_consistent(config, place)
    return config.model_copy(update={"trainer": _trainer(config, place)})


def _check_consistent(config: Config, place: Any) -> None:
    """What one section asks of another."""
    if config.task != "regression" and len(config.labels) > 1:
        raise BadInput(
            f"{place(('label',))}: label: task {config.task} takes one label, got {len(config.labels)}"
        )
    known = METRICS[config.task]
    evaluation = config.evaluation
    named = [(("metrics", i), metric) for i, metric in enumerate(evaluation.metrics)]
    named += [(("gates", i), gate.metric) for i, gate in enumerate(evaluation.gates)]
    for (section, i), metric in named:
        if metric not in known:
            raise BadInput(
                f"{place(('evaluation', section, i))}: evaluation.{section}: unknown metric {metric!r} for task"
                f" {config.task}{nearest(metric, known) or '; valid: ' + ', '.join(known)}"
            )
    for i, gate in enumerate(evaluation.gates):
        if gate.output is not None and gate.output not in config.labels:
            raise BadInput(
                f"{place(('evaluation', 'gates', i, 'output'))}: evaluation.gates: output {gate.output!r} is no label"
                f"{nearest(gate.output, config.labels) or '; labels: ' + ', '.join(config.labels)}"
            )


def _trainer(config: Config, place: Any) -> Trainer:
    """The trainer section with the defaults of the module's own Config class filled in."""
    trainer = config.trainer
    module_config = f"{trainer.module}_config"
    try:
        if importlib.util.find_spec(trainer.module) is None:
            raise ModuleNotFoundError(name=trainer.module)
        if importlib.util.find_spec(module_config) is None:
            return trainer
    except (ModuleNotFoundError, ValueError):
        modules = sorted(
            f"trainer_modules.{p.stem.removesuffix('_config')}"
            for p in (REPOSITORY / "trainer_modules").glob("*_config.py")
        )
        raise BadInput(
            f"{place(('trainer', 'module'))}: trainer.module: no module {trainer.module!r}"
            f"{nearest(trainer.module, modules) or '; there is ' + ', '.join(modules)}"
        ) from None
    module_class = importlib.import_module(module_config).Config
    sections = {section: getattr(trainer, section) for section in MODULE_SECTIONS}
    try:
        parsed = module_class.model_validate(sections)
    except pydantic.ValidationError as error:
        raise BadInput(_explain(error, module_class, ("trainer",), place)) from None
    return trainer.model_copy(
        update={key: getattr(parsed, key).model_dump(mode="json") for key in MODULE_SECTIONS}
    )


def _explain(
    error: pydantic.ValidationError, model: type[BaseModel], prefix: tuple[str, ...], place: Any
) -> str:
    """The first of pydantic's findings as one line."""
    first = min(error.errors(), key=_tells_less)
    location = prefix + tuple(part for part in first["loc"] if not _is_union_tag(part))
    key = ".".join(str(part) for part in location)
    where = place(location)
    if first["type"] == "extra_forbidden":
        valid = _valid_keys(model, location[len(prefix) : -1])
        return f"{where}: {key}: unknown key{nearest(str(location[-1]), valid) or '; valid: ' + ', '.join(valid)}"
    if first["type"] == "missing":
        return f"{where}: {key}: is missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] != "value_error":
        message = message[0].lower() + message[1:]
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a section of keys and values", message)
    message = message.replace("a valid tuple", "a list").replace("tuple should", "should")
    shown = (
        ""
        if isinstance(first["input"], (dict, list, BaseModel))
        else f", got {json.dumps(first['input'], default=str)}"
    )
    suggestion = ""
    expected = (
        re.findall(r"'([^']+)'", first.get("ctx", {}).get("expected", ""))
        if first["type"] == "literal_error"
        else []
    )
    if expected and isinstance(first["input"], str):
        suggestion = nearest(first["input"], expected)
    return f"{where}: {key + ': ' if key else ''}{message}{shown}{suggestion}"


def _tells_less(error: Any) -> tuple[bool, bool]:
    """A misspelt key is also a missing one, and a list where text could stand as well is no text: sorts these last."""
    return (
        error["type"] != "extra_forbidden",
        error["type"] == "string_type" and isinstance(error["input"], list),
    )


def _is_union_tag(part: str | int) -> bool:
    return isinstance(part, str) and bool(
        re.search(r"^(str|int|float|tuple|constrained-|function-)|\[", part)
    )


def _valid_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Keys that a section takes, found by following the location through nested models."""
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        field = (
            next((f for name, f in current.model_fields.items() if str(part) in (name, f.alias)), None)
            if hasattr(current, "model_fields")
            else None
        )
        if field is None:
            return []
        current = _section_class(field.annotation) or current
    return [field.alias or name for name, field in current.model_fields.items()]


def _section_class(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section_class(argument)
        if found:
            return found
    return None


def _line(node: yaml.Node | None, location: tuple[str | int, ...]) -> int:
    """The line of a place in the file, or of its nearest section that is there; the first line is 1."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean ...?` for a misspelt name, or nothing when no valid name is near."""
    close = difflib.get_close_matches(name, list(valid), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _display(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
