"""Every mistake in a catalog file or an override is one line with file, line, key and the nearest valid name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import config

GOOD = """\
name: toy
description: Points above a line.
task: binary
label: label
data:
  path: rows.csv
  splits: {train: 7, valid: 1, eval: 2}
trainer:
  module: trainer_modules.tabular
  training:
    learning_rate: 0.1
evaluation:
  metrics: [accuracy]
  gates:
    - {metric: accuracy, lower: 0.8}
  slices: [color]
"""


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(old: str = "", new: str = "", *overrides: str) -> config.Config:
    """The configuration of GOOD with `old` replaced."""
    assert old in GOOD
    Path("toy.yaml").write_text(GOOD.replace(old, new, 1) if old else GOOD)
    return config.load("toy.yaml", overrides)


def said(old: str = "", new: str = "", *overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        load(old, new, *overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_are_filled_in() -> None:
    loaded = load()
    assert loaded.labels == ["label"]
    assert loaded.data.delimiter == ","
    assert loaded.data.missing_values == ("",)
    assert loaded.push.keep == 3
    assert (loaded.beam.engine, loaded.beam.options) == ("local", ())
    assert loaded.trainer.training["learning_rate"] == 0.1
    assert loaded.trainer.training["optimizer"] == "adam"
    assert loaded.trainer.model["hidden"] == []
    assert loaded.dump()["schema"] == {"curated": None, "drift": {}, "skew": {}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task: binary", "taks: binary", "toy.yaml:3: taks: unknown key; did you mean task?"),
        ("task: binary\n", "", "toy.yaml:1: task: is missing"),
        (
            "task: binary",
            "task: binry",
            "toy.yaml:3: task: input should be 'binary', 'multiclass', 'regression', 'language_model', 'translation',"
            " 'tagging' or 'embedding', got \"binry\"; did you mean binary?",
        ),
        (
            "task: binary",
            "task: language_model",
            "toy.yaml:4: label: task language_model has none; the text itself is what is predicted; take it out",
        ),
        ("label: label\n", "", "toy.yaml:3: label: task binary needs one; name the column to predict"),
        (
            "path: rows.csv",
            "path: rows.csv\n  max_oov: 0.1",
            "toy.yaml:5: data: max_oov is for texts; set text: table, folders, windows, parallel or conll, or take it out",
        ),
        (
            "path: rows.csv",
            "path: rows.csv\n  text: table\n  images: csv",
            "toy.yaml:5: data: text and images exclude each other; take one out",
        ),
        (
            "path: rows.csv",
            "path: rows.csv\n  text: conll\n  window: 80",
            "toy.yaml:5: data: window is for text: windows, not for text: conll; take it out",
        ),
        (
            "path: rows.csv",
            "path: rows.csv\n  text: conll\n  text_columns: [a]",
            "toy.yaml:5: data: text_columns is for tables; text: conll has no columns; take it out",
        ),
        (
            "learning_rate",
            "learning_rte",
            "toy.yaml:11: trainer.training.learning_rte: unknown key; did you mean learning_rate?",
        ),
        (
            "0.1",
            "fast",
            "toy.yaml:11: trainer.training.learning_rate: input should be a valid number, unable to parse string"
            ' as a number, got "fast"',
        ),
        ("0.1", "-1", "toy.yaml:11: trainer.training.learning_rate: input should be greater than 0, got -1"),
        (
            "trainer_modules.tabular",
            "trainer_modules.tabulr",
            "toy.yaml:9: trainer.module: no module 'trainer_modules.tabulr'; did you mean trainer_modules.tabular?",
        ),
        (
            "{train: 7, valid: 1, eval: 2}",
            "{train: 7, eval: 2}",
            "toy.yaml:7: data.splits: must name the splits train, valid and eval, for example"
            " {train: 7, valid: 1, eval: 2}",
        ),
        (
            "{train: 7, valid: 1, eval: 2}",
            "{train: 0.7, valid: 0.1, eval: 0.2}",
            "toy.yaml:7: data.splits: shares are whole numbers, for example {train: 7, valid: 1, eval: 2}",
        ),
        (
            "{metric: accuracy, lower: 0.8}",
            "{metric: accuracy, lower: 95}",
            "toy.yaml:15: evaluation.gates: accuracy is at most 1, got lower: 95; of a hundred it is 0.95",
        ),
        (
            "valid: 1",
            "valid: 0",
            "toy.yaml:7: data.splits.valid: input should be greater than or equal to 1, got 0",
        ),
        (
            "[accuracy]",
            "[acuracy]",
            "toy.yaml:13: evaluation.metrics: unknown metric 'acuracy' for task binary; did you mean accuracy?",
        ),
        (
            "{metric: accuracy, lower: 0.8}",
            "{metric: rmse, upper: 1}",
            "toy.yaml:15: evaluation.gates: unknown metric 'rmse' for task binary; valid: accuracy, auc,"
            " auc_precision_recall, precision, recall, f1, calibration_error, loss",
        ),
        (
            "{metric: accuracy, lower: 0.8}",
            "{metric: recall, lower: 0.8, classes: true}",
            "toy.yaml:15: evaluation.gates: classes: each class of a multiclass model has precision, recall, f1, not"
            " recall of task binary",
        ),
        (
            "label: label\n",
            "label: label\nattributions: {metric: rmse}\n",
            "toy.yaml:5: attributions.metric: unknown metric 'rmse' for task binary; valid: accuracy, auc,"
            " auc_precision_recall, precision, recall, f1, calibration_error, loss",
        ),
        (
            "label: label\n",
            "label: label\nattributions: {repeats: 1}\n",
            "toy.yaml:5: attributions.repeats: input should be greater than or equal to 2, got 1",
        ),
        (
            "lower: 0.8",
            "lowr: 0.8",
            "toy.yaml:15: evaluation.gates.0.lowr: unknown key; did you mean lower?",
        ),
        (
            ", lower: 0.8",
            "",
            "toy.yaml:15: evaluation.gates.0: needs at least one of lower, upper, max_drop",
        ),
        (
            "0.8}",
            "0.8, output: lable}",
            "toy.yaml:15: evaluation.gates: output 'lable' is no label; did you mean label?",
        ),
        (
            "- {metric: accuracy, lower: 0.8}",
            "[]",
            "toy.yaml:14: evaluation.gates: should have at least 1 item after validation, not 0",
        ),
        ("name: toy", "name: tory", "toy.yaml:1: name: 'tory' must be the file's name, 'toy'"),
        ("label: label", "label: [a, b]", "toy.yaml:4: label: task binary takes one label, got 2"),
        (
            "label: label",
            "label: []",
            "toy.yaml:4: label: should have at least 1 item after validation, not 0",
        ),
        ("label: label", "label: 3", "toy.yaml:4: label: input should be a valid string, got 3"),
        (
            "  path: rows.csv\n",
            "",
            "toy.yaml:5: data: needs path (a CSV file, glob or pattern) or loader (module:function)",
        ),
        ("[color]", "color", 'toy.yaml:16: evaluation.slices: input should be a list, got "color"'),
        (
            "[color]",
            "[{column: [color]}]",
            "toy.yaml:16: evaluation.slices.0.column: unknown key; did you mean columns?",
        ),
        (
            "evaluation:",
            "schema: {curted: a}\nevaluation:",
            "toy.yaml:12: schema.curted: unknown key; did you mean curated?",
        ),
        (
            "evaluation:",
            "schema: {drift: {x: 2}}\nevaluation:",
            "toy.yaml:12: schema.drift.x: input should be less than or equal to 1, got 2",
        ),
        (
            "evaluation:",
            "push: {keep: 0}\nevaluation:",
            "toy.yaml:12: push.keep: input should be greater than or equal to 1, got 0",
        ),
        (
            "evaluation:",
            "beam: {options: [--direct_running_mode=multi_threading]}\nevaluation:",
            "toy.yaml:12: beam.options: direct_running_mode=multi_threading silently loses rows; use in_memory or"
            " multi_processing",
        ),
        (
            "evaluation:",
            "beam: {options: [--runner=DaskRunner]}\nevaluation:",
            "toy.yaml:12: beam.options: Beam's DaskRunner drops sibling branches of this DAG; use another runner",
        ),
        (
            "evaluation:",
            "beam: {options: [--runner, daskrunner]}\nevaluation:",
            "toy.yaml:12: beam.options: Beam's DaskRunner drops sibling branches of this DAG; use another runner",
        ),
        (
            "evaluation:",
            "beam: {options: [--runner=FlinkRunner]}\nevaluation:",
            "toy.yaml:12: beam: options: --runner=FlinkRunner: engine local says which; take it out",
        ),
        (
            "evaluation:",
            "beam: {engine: portible}\nevaluation:",
            "toy.yaml:12: beam.engine: input should be 'local', 'portable', 'flink', 'spark' or 'dataflow', got \"portible\";"
            " did you mean portable?",
        ),
        (
            "evaluation:",
            "beam: {engine: portable, job_endpoint: 'localhost:8099'}\nevaluation:",
            "toy.yaml:12: beam: engine portable needs workers: host:port (or worker_command, or worker_image)",
        ),
        (
            "evaluation:",
            "beam: {workers: 'localhost:50000'}\nevaluation:",
            "toy.yaml:12: beam: workers is for engine portable, flink, spark, not for local; set engine or take it out",
        ),
        (
            "evaluation:",
            "beam: {engine: flink, flink_master: 'localhost:8081'}\nevaluation:",
            "toy.yaml:12: beam: engine flink needs job_endpoint: host:port",
        ),
        (
            "evaluation:",
            "beam: {engine: flink, job_endpoint: 'a:1', workers: 'a:2', worker_image: b}\nevaluation:",
            "toy.yaml:12: beam: workers and worker_image: workers are started in one way; take one out",
        ),
        (
            "evaluation:",
            "beam: {engine: flink, job_endpoint: 'a:1', worker_command: python -m worker}\nevaluation:",
            "toy.yaml:12: beam.worker_command: is no absolute path of one program; options go into a script of your"
            ' own, got "python -m worker"',
        ),
        (
            "evaluation:",
            "airflow: {timezone: Berlin}\nevaluation:",
            "toy.yaml:12: airflow.timezone: 'Berlin' is no time zone; write it like Europe/Berlin",
        ),
        (
            "evaluation:",
            "beam: {engine: dataflow, project: shop, temp_location: 'gs://shop/beam'}\nevaluation:",
            "toy.yaml:12: beam: engine dataflow needs region: for example europe-west1",
        ),
        (
            "evaluation:",
            "beam: {engine: dataflow, project: a, region: b, temp_location: 'gs://c/d'}\nevaluation:",
            "toy.yaml:12: beam: engine dataflow needs setup_file: true, or worker_image: an image with this repository"
            " in it",
        ),
        (
            "evaluation:",
            "beam: {engine: dataflow, project: shop, region: europe-west1, temp_location: /tmp}\nevaluation:",
            "toy.yaml:12: beam.temp_location: is no place on Google's storage, for example gs://BUCKET/FOLDER, got"
            ' "/tmp"',
        ),
        (
            "evaluation:",
            "beam: {engine: portable, job_endpoint: localhost, workers: 'localhost:50000'}\nevaluation:",
            'toy.yaml:12: beam.job_endpoint: is no host:port, for example localhost:8099, got "localhost"',
        ),
        (
            "evaluation:",
            "serving_check: {with: infra_validater}\nevaluation:",
            "toy.yaml:12: serving_check.with: input should be 'embedded' or 'infra_validator', got"
            ' "infra_validater"; did you mean infra_validator?',
        ),
        (
            "evaluation:",
            "serving_check: {max_p99: 3}\nevaluation:",
            "toy.yaml:12: serving_check.max_p99: unknown key; did you mean max_p99_ms?",
        ),
        (
            "evaluation:",
            "serving_check: {with: infra_validator, max_p99_ms: 3}\nevaluation:",
            "toy.yaml:12: serving_check: TFX's InfraValidator does not measure max_p99_ms; take `with: embedded`",
        ),
        (
            "evaluation:",
            "serving_check: {infra_validator: {tags: []}}\nevaluation:",
            "toy.yaml:12: serving_check.infra_validator.tags: should have at least 1 item after validation, not 0",
        ),
        ("  metrics", "\tmetrics", "toy.yaml:13: not valid YAML: a tab; indent with spaces"),
        (
            "name: toy",
            "description: toys: two of them",
            "toy.yaml:1: not valid YAML: mapping values are not allowed here; a text that holds ': ' stands in quotes",
        ),
        (
            "name: toy",
            "name: [toy",
            "toy.yaml:2: not valid YAML: expected ',' or ']', but got ':'",
        ),
        (
            "evaluation:",
            "data: {path: b.csv}\nevaluation:",
            "toy.yaml:12: data: is there twice, first on line 5; keep one",
        ),
        (
            "  path: rows.csv\n  splits: {train: 7, valid: 1, eval: 2}\n",
            "",
            "toy.yaml:5: data: input should be a section of keys and values, got null",
        ),
    ],
)
def test_mistakes(old: str, new: str, message: str) -> None:
    assert said(old, new) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Config(\n", "FOLDER/mine_config.py:1: '(' was never closed"),
        ("import nothing\n", "toy.yaml:9: trainer.module: mine_config: No module named 'nothing'"),
        ("", "toy.yaml:9: trainer.module: mine_config: module 'mine_config' has no attribute 'Config'"),
    ],
)
def test_mistakes_in_the_configuration_of_a_module_of_ones_own(
    source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path.cwd()
    Path("mine.py").touch()
    Path("mine_config.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "mine_config", raising=False)
    assert said("trainer_modules.tabular", "mine") == message.replace("FOLDER", str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "toy.yaml: a pipeline is a mapping of name, task, label, data, trainer, evaluation"),
        (b"name: caf\xe9", "toy.yaml: not UTF-8 (byte 9); save it as UTF-8"),
    ],
)
def test_files_that_are_no_pipeline(content: bytes, message: str) -> None:
    Path("toy.yaml").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        config.load("toy.yaml")
    assert str(caught.value) == message


def test_windows_line_ends_and_byte_order_mark_are_fine() -> None:
    Path("toy.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert config.load("toy.yaml") == load()


def test_unknown_pipelines() -> None:
    with pytest.raises(BadInput, match=r"^unknown pipeline 'pengin'; did you mean penguin\?$"):
        config.load("pengin")
    with pytest.raises(BadInput, match=r"^unknown pipeline 'zzz': the catalog has .*penguin"):
        config.load("zzz")
    with pytest.raises(BadInput, match=r"^there.yaml: no such file$"):
        config.load("there.yaml")


def test_every_catalog_file_is_valid() -> None:
    assert "penguin" in config.names()
    for name in config.names():
        assert config.load(name).name == name


def test_transfer_and_its_twin_see_the_same_pictures() -> None:
    twins = [config.load(name) for name in ("transfer", "transfer_scratch")]
    assert twins[0].data == twins[1].data
    assert twins[0].trainer.model["image"] == twins[1].trainer.model["image"]
    for key in ("augmentation", "batch_size", "label_smoothing", "seed"):
        assert twins[0].trainer.training[key] == twins[1].trainer.training[key]
    assert twins[0].trainer.model["transfer"]["weights"] == "efficientnet_lite0"
    assert twins[1].trainer.model["transfer"] is None


def test_overrides_change_values_of_every_kind() -> None:
    loaded = load(
        "",
        "",
        "trainer.training.learning_rate=0.5",
        "trainer.model.hidden=[16, 8]",
        "evaluation.gates.0.lower=0.9",
        "push.directory=served",
        "data.path=other.csv",
    )
    assert loaded.trainer.training["learning_rate"] == 0.5
    assert loaded.trainer.model["hidden"] == [16, 8]
    assert loaded.evaluation.gates[0].lower == 0.9
    assert loaded.push.directory == "served"
    assert loaded.data.path == "other.csv"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.training.sed=7", "trainer.training.sed: unknown key; did you mean seed?"),
        (
            "trainer.training.seed=seven",
            "trainer.training.seed: input should be a valid integer, unable to parse string as an integer,"
            ' got "seven"',
        ),
        (
            "trainer.model.hidden=[16,-2]",
            "trainer.model.hidden.1: input should be greater than or equal to 1, got -2",
        ),
        ("trainer.training.seed", "write it as key.subkey=value, for example trainer.training.seed=7"),
        ("=7", "write it as key.subkey=value, for example trainer.training.seed=7"),
        ("task.x=7", "task is a value, not a section"),
        ("evaluation.gates.1.lower=1", "'1' is no index of a list of 1 (0 is the first)"),
        ("evaluation.gates.first.lower=1", "'first' is no index of a list of 1 (0 is the first)"),
        (
            "nothing=1",
            "nothing: unknown key; valid: name, description, task, label, data, schema, pipeline_root, trainer, evaluation,"
            " attributions, serving_check, optimizer, push, card, beam, metadata, airflow, kubeflow, loop",
        ),
        (
            "task=regression",
            "evaluation.metrics: unknown metric 'accuracy' for task regression; valid: rmse, mae, mse",
        ),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    shown = said("", "", override)
    if override == "task=regression":
        assert shown == f"toy.yaml:13: {message}"
    else:
        assert shown == f"--set {override}: {message}"


def test_slices_can_be_written_short() -> None:
    loaded = load("[color]", "[color, [color, shape], {columns: [size], if_missing: skip}]")
    assert [s.columns for s in loaded.evaluation.slices] == [("color",), ("color", "shape"), ("size",)]
    assert [s.if_missing for s in loaded.evaluation.slices] == ["error", "error", "skip"]


def test_curated_schema_and_thresholds_are_read() -> None:
    loaded = load("evaluation:", "schema: {curated: s.pbtxt, drift: {x: 0.1}, skew: {y: 0.2}}\nevaluation:")
    assert loaded.schema_.curated == "s.pbtxt"
    assert loaded.schema_.drift == {"x": 0.1}
    assert loaded.schema_.skew == {"y": 0.2}


@pytest.mark.parametrize("name", config.names())
def test_a_recorded_configuration_is_read_as_it_was(name: str) -> None:
    loaded = config.load(name)
    assert config.recorded(json.loads(json.dumps(loaded.dump()))) == loaded
