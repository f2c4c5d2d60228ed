"""From a catalog file to a `Config`; a wrong key, type or value is named with its file, line, place and mend."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pydantic
import yaml

from common import object_stores, remote_files
from common.errors import BadInput
from components.attributions.config import Attributions
from components.attributions.constants import TASKS as ATTRIBUTED
from pipeline import metadata_address, yaml_file
from pipeline.explain import Place, explain
from pipeline.sections import MODULE_SECTIONS, PER_CLASS, UNLABELLED, Config, Trainer
from pipeline.task_metrics import METRICS, SHARES
from pipeline.wording import display, nearest

CATALOG = Path(__file__).parent / "catalog"
REPOSITORY = Path(__file__).parent.parent
_YAML = (".yaml", ".yml")
# User and password of a URI: what is refused for them must not show them.
_PASSWORD = re.compile(r"://[^/]*:[^/]*@")


def names() -> list[str]:
    """Names of the pipelines in the catalog, sorted."""
    return sorted(path.stem for path in CATALOG.glob("*.yaml"))


def is_file(pipeline: str) -> bool:
    """Whether a pipeline is named by its file, not by its name in the catalog."""
    return pipeline.endswith((*_YAML, ".csv")) or "/" in pipeline


def find(pipeline: str) -> Path:
    """The file of a catalog pipeline, or the YAML file itself when a path is given.

    Raises:
      BadInput: there is none; the nearest names are told.
    """
    if is_file(pipeline):
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
    values, document = yaml_file.read(path)
    if not isinstance(values, dict):
        table = "; for a table: mlpipe new NAME --csv FILE --label COLUMN" if path.suffix not in _YAML else ""
        raise BadInput(
            f"{display(path)}: a pipeline is a mapping of name, task, label, data, trainer, evaluation{table}"
        )
    overridden: dict[tuple[str, ...], str] = {}
    for override in overrides:
        key = _override(values, override)
        overridden[key] = override
    return _validate(values, path, document, overridden)


def recorded(values: Mapping[str, Any], overrides: Iterable[str] = ()) -> Config:
    """The configuration that a run recorded, whatever the catalog says by now.

    Raises:
      BadInput: an override that is wrong, or that says something else than what is recorded.
    """
    resolved = Config.model_validate(values)
    path = Path(f"{resolved.name}.yaml")
    for override in overrides:
        changed = deepcopy(dict(values))
        key = _override(changed, override)
        if _validate(changed, path, None, {key: override}) != resolved:
            raise BadInput(
                f"--set {override}: the run has begun with another value; give every component of a run the same --set,"
                " or take another run id"
            )
    return resolved


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
                return f"--set {_PASSWORD.sub('://...@', override)}"
        return f"{display(path)}:{yaml_file.line_of(document, location)}"

    try:
        config = Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise BadInput(explain(error, Config, (), place)) from None
    if config.name != path.stem:
        raise BadInput(f"{place(('name',))}: name: {config.name!r} must be the file's name, {path.stem!r}")
    _check_consistent(config, place)
    return config.model_copy(update={"trainer": _trainer(config, place)})


def _check_consistent(config: Config, place: Place) -> None:
    """What one section asks of another."""
    _check_labels(config, place)
    if config.metadata.uri is not None:
        try:
            metadata_address.parse(config.metadata.uri)
        except BadInput as error:
            raise BadInput(f"{place(('metadata', 'uri'))}: metadata.uri: {error}") from None
    _check_stores(config, place)
    _check_metrics(config, place)
    if config.attributions is not None:
        _check_attributions(config, config.attributions, place)
    _check_gates(config, place)


def _check_labels(config: Config, place: Place) -> None:
    if config.task in UNLABELLED and config.labels:
        raise BadInput(
            f"{place(('label',))}: label: task {config.task} has none; the text itself is what is predicted; take it out"
        )
    if config.task not in UNLABELLED and not config.labels:
        raise BadInput(f"{place(('task',))}: label: task {config.task} needs one; name the column to predict")
    if config.task != "regression" and len(config.labels) > 1:
        raise BadInput(
            f"{place(('label',))}: label: task {config.task} takes one label, got {len(config.labels)}"
        )


def _check_metrics(config: Config, place: Place) -> None:
    """The metrics that are measured, and that of the loop's rule, which has to be one of them."""
    evaluation = config.evaluation
    named = [(("metrics", i), metric) for i, metric in enumerate(evaluation.metrics)]
    named += [(("gates", i), gate.metric) for i, gate in enumerate(evaluation.gates)]
    for (section, i), metric in named:
        _check_metric(config, metric, f"{place(('evaluation', section, i))}: evaluation.{section}")
    falls, measured = config.loop.falls, [metric for _, metric in named]
    if falls and falls.metric not in measured:
        raise BadInput(
            f"{place(('loop', 'retrain'))}: loop.retrain: {falls.metric!r} is not measured"
            f"{nearest(falls.metric, measured) or '; name it in evaluation.metrics'}"
        )


def _check_metric(config: Config, metric: str, where: str) -> None:
    known = METRICS[config.task]
    if metric not in known:
        raise BadInput(
            f"{where}: unknown metric {metric!r} for task {config.task}"
            f"{nearest(metric, known) or '; valid: ' + ', '.join(known)}"
        )


def _check_gates(config: Config, place: Place) -> None:
    for i, gate in enumerate(config.evaluation.gates):
        if gate.metric in SHARES and gate.lower is not None and gate.lower > 1:
            raise BadInput(
                f"{place(('evaluation', 'gates', i, 'lower'))}: evaluation.gates: {gate.metric} is at most 1, got lower:"
                f" {gate.lower:g}; of a hundred it is {gate.lower / 100:g}"
            )
        if gate.classes and (config.task != "multiclass" or gate.metric not in PER_CLASS):
            raise BadInput(
                f"{place(('evaluation', 'gates', i, 'classes'))}: evaluation.gates: classes: each class of a multiclass"
                f" model has {', '.join(PER_CLASS)}, not {gate.metric} of task {config.task}"
            )
        if gate.output is not None and gate.output not in config.labels:
            raise BadInput(
                f"{place(('evaluation', 'gates', i, 'output'))}: evaluation.gates: output {gate.output!r} is no label"
                f"{nearest(gate.output, config.labels) or '; labels: ' + ', '.join(config.labels)}"
            )


def _check_attributions(config: Config, attributions: Attributions, place: Place) -> None:
    if config.task not in ATTRIBUTED:
        raise BadInput(
            f"{place(('attributions',))}: attributions: task {config.task} has none, only {', '.join(ATTRIBUTED)};"
            " take them out"
        )
    if attributions.metric is not None:
        _check_metric(
            config, attributions.metric, f"{place(('attributions', 'metric'))}: attributions.metric"
        )


def _check_stores(config: Config, place: Place) -> None:
    """URIs of object stores; they are looked at here, as pydantic would show them with all that stands in them."""
    given = [
        *((("data", "path"), path) for path in config.data.paths),
        (("pipeline_root",), config.pipeline_root),
        (("push", "directory"), config.push.directory),
    ]
    for key, text in given:
        if text is None:
            continue
        try:
            if remote_files.is_remote(text):
                object_stores.check_uri(text)
            elif key == ("pipeline_root",):
                raise BadInput(f"{text!r} is no URI of a store; a folder of this machine is named by --home")
        except BadInput as error:
            raise BadInput(f"{place(key)}: {'.'.join(key)}: {error}") from None


def _trainer(config: Config, place: Place) -> Trainer:
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
        own = ", ".join(modules)
        raise BadInput(
            f"{place(('trainer', 'module'))}: trainer.module: no module {trainer.module!r}"
            f"{nearest(trainer.module, modules) or f'; there is {own}, and what lies in the current folder'}"
        ) from None
    try:
        module_class = importlib.import_module(module_config).Config
    except SyntaxError as error:
        raise BadInput(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except (ImportError, AttributeError) as error:
        where = place(("trainer", "module"))
        raise BadInput(f"{where}: trainer.module: {module_config}: {error}") from error
    sections = {section: getattr(trainer, section) for section in MODULE_SECTIONS}
    try:
        parsed = module_class.model_validate(sections)
    except pydantic.ValidationError as error:
        raise BadInput(explain(error, module_class, ("trainer",), place)) from None
    return trainer.model_copy(
        update={key: getattr(parsed, key).model_dump(mode="json") for key in MODULE_SECTIONS}
    )
