"""The contract that every trainer module keeps, and the small pipeline that its tests run: Transform without the DAG.

build -> fit, the loss falls -> export -> reload in a fresh process -> every signature answers and agrees with the
Keras model to 1e-5 -> TFMA evaluates it -> the model server serves it.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_transform.tf_metadata import metadata_io
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public import tfxio

from components.evaluator import bits_gained, bleu, perplexity
from components.serving_check import executor as serving_check
from components.serving_check import rows
from components.serving_check.signatures import signatures
from tests import model_servers
from trainer_modules.common import export, raw_features, training_state

BEAM = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
_TYPES = {"i": schema_pb2.INT, "f": schema_pb2.FLOAT, "O": schema_pb2.BYTES}


class Killed(BaseException):
    """What no handler of a module catches."""


@contextmanager
def killed_after(epoch: int) -> Iterator[None]:
    """Whatever trains in the context is killed when this epoch is done and saved."""
    end = training_state.TrainingState.on_epoch_end

    def and_die(self: training_state.TrainingState, at: int, logs: Any = None) -> None:
        end(self, at, logs)
        if self.epoch == epoch:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training_state.TrainingState, "on_epoch_end", and_die)
        with pytest.raises(Killed):
            yield


@dataclass(frozen=True)
class Prepared:
    """Raw and transformed examples of one data set, as the Trainer meets them."""

    folder: Path
    custom_config: dict[str, Any]
    transform_graph: str
    raw: dict[str, list[bytes]]

    def fn_args(self, run: str = "1", **changes: Any) -> FnArgs:
        """Return the arguments that the Trainer gives to `run_fn`; `run` names the execution."""
        trainer = self.folder / "Trainer"
        return FnArgs(
            **{
                "train_files": [str(self.folder / "transformed" / "Split-train" / "*")],
                "eval_files": [str(self.folder / "transformed" / "Split-valid" / "*")],
                "transform_graph_path": self.transform_graph,
                "serving_model_dir": str(trainer / "model" / run / "Format-Serving"),
                "model_run_dir": str(trainer / "model_run" / run),
                "working_dir": str(self.folder / "tmp"),
                "custom_config": self.custom_config,
                **changes,
            }
        )

    def model_dir(self, run: str = "1") -> str:
        return str(self.folder / "Trainer" / "model" / run / "Format-Serving")

    def weights(self, run: str) -> list[np.ndarray]:
        """Return the weights of the network that a run exported."""
        with np.load(Path(self.model_dir(run)) / "assets.extra" / "warm_start.npz") as saved:
            return [saved[f"weight_{i}"] for i in range(len(saved.files) - 1)]


def schema_of(frame: pd.DataFrame) -> schema_pb2.Schema:
    """Return the schema that SchemaGen infers: columns with missing values are optional, those of lists variable."""
    schema = schema_pb2.Schema()
    for name in frame.columns:
        feature = schema.feature.add(name=name, type=_TYPES[frame[name].dtype.kind])
        if isinstance(frame[name].iloc[0], list):
            feature.value_count.min = 0
        elif frame[name].notna().all():
            feature.presence.min_fraction = 1.0
            feature.shape.dim.add(size=1)
        else:
            feature.value_count.min = feature.value_count.max = 1
    return schema


def example(row: dict[str, Any]) -> bytes:
    """Return a serialized tf.Example; missing values are left out, lists are of texts."""
    features = {}
    for name, value in row.items():
        if isinstance(value, list):
            texts = [text.encode() for text in value]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
            continue
        if pd.isna(value):
            continue
        if isinstance(value, str):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif isinstance(value, bytes):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        elif isinstance(value, float):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        else:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def prepare(
    folder: Path,
    splits: dict[str, pd.DataFrame],
    preprocessing_fn: Callable[..., Any],
    custom_config: dict[str, Any],
) -> Prepared:
    """Run Transform: analyse `train`, transform `train` and `valid`, keep all splits as raw tf.Examples."""
    schema = schema_of(pd.concat(list(splits.values())))
    raw = {split: [example(row) for row in frame.to_dict("records")] for split, frame in splits.items()}
    for split, examples in raw.items():
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(folder / "raw" / split)) as writer:
            for serialized in examples:
                writer.write(serialized)
    graph = str(folder / "transform_graph")

    def preprocess(inputs: dict[str, Any]) -> dict[str, Any]:
        return preprocessing_fn(inputs, custom_config)

    with (
        beam.Pipeline(options=PipelineOptions(BEAM)) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "tmp")),
    ):

        def source(split: str) -> tuple[Any, Any]:
            records = tfxio.TFExampleRecord(
                str(folder / "raw" / split), schema=schema, telemetry_descriptors=["test"]
            )
            batches = pipeline | f"read {split}" >> records.BeamSource()
            return batches, records.TensorAdapterConfig()

        data = {split: source(split) for split in ("train", "valid") if split in splits}
        transform_fn = data["train"] | tft_beam.AnalyzeDataset(preprocess)
        transform_fn | tft_beam.WriteTransformFn(graph)
        for split, batches in data.items():
            transformed, written = (
                batches,
                transform_fn,
            ) | f"transform {split}" >> tft_beam.TransformDataset()
            coder = tft.coders.ExampleProtoCoder(written.schema)
            (
                transformed
                | f"encode {split}" >> beam.Map(coder.encode)
                | f"write {split}"
                >> beam.io.WriteToTFRecord(
                    str(folder / "transformed" / f"Split-{split}" / "examples"), file_name_suffix=".gz"
                )
            )
    raw_metadata = f"{graph}/{tft.TFTransformOutput.RAW_METADATA_DIR}"
    metadata_io.write_metadata(tft.DatasetMetadata(schema), raw_metadata)
    return Prepared(folder, custom_config, graph, raw)


def transformed(prepared: Prepared, split: str) -> dict[str, np.ndarray]:
    """Return the transformed examples that Transform wrote, as the Trainer reads them."""
    spec = tft.TFTransformOutput(prepared.transform_graph).transformed_feature_spec()
    files = sorted(tf.io.gfile.glob(str(prepared.folder / "transformed" / f"Split-{split}" / "*")))
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    return {name: value.numpy() for name, value in tf.io.parse_example(records, spec).items()}


def tensors(
    model_dir: str, examples: list[bytes], given: Mapping[str, dict[str, np.ndarray]] | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Return raw examples as the inputs of every signature, with the values that stand for missing ones.

    An input `x_bytes` takes the feature `x`, one of rank 4 the pixels of an image. `given` holds the inputs of
    signatures that take no features.
    """
    given = given or {}
    parsed = [tf.train.Example.FromString(serialized).features.feature for serialized in examples]

    def value(features: Any, name: str, spec: tf.TensorSpec) -> Any:
        kind = features[name].WhichOneof("kind") if name in features else None
        found = getattr(features[name], kind).value[0] if kind else raw_features.missing_value(spec.dtype)
        return tf.io.decode_image(found, channels=spec.shape[3]).numpy() if spec.shape.rank == 4 else found

    def fed(name: str, info: TensorInfo) -> np.ndarray:
        spec = tf.TensorSpec(info.tensor_shape, info.dtype)
        if name == "examples":
            return np.array(examples, object)
        feature = name.removesuffix("_bytes")
        return np.array([value(features, feature, spec) for features in parsed], spec.dtype.as_numpy_dtype)

    return {
        signature: given.get(signature) or {name: fed(name, info) for name, info in definition.inputs.items()}
        for signature, definition in signatures(Path(model_dir)).items()
    }


# Every model gets a process of its own: a fork of one that has TensorFlow imported, and nothing more.
_FRESH = """
import json
import os
import sys
import traceback
import numpy as np
import tensorflow as tf


def answer(folder, model_dir):
    os.chdir(folder)
    model = tf.saved_model.load(model_dir)
    asked = np.load("questions.npz", allow_pickle=True)
    found = {}
    for name, signature in model.signatures.items():
        fed = {key: tf.constant(asked[name].item()[key].tolist(), spec.dtype)
               for key, spec in signature.structured_input_signature[1].items()}
        for key, value in signature(**fed).items():
            found[f"{name}/{key}"] = value.numpy()
        one = {key: value[:1] for key, value in fed.items()}
        for key, value in signature(**one).items():
            found[f"{name} of one/{key}"] = value.numpy()
    np.savez("answers.npz", **found)
    others = ("tensorflow_transform", "tfx", "trainer_modules")
    assert not [name for name in sys.modules if name.split(".")[0] in others]


for line in sys.stdin:
    child = os.fork()
    if not child:
        error = ""
        try:
            answer(*json.loads(line))
        except BaseException:
            error = traceback.format_exc()
        print(json.dumps(error), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps(f"status {status}"), flush=True)
"""


@functools.cache
def _with_tensorflow_alone() -> subprocess.Popen[str]:
    """It ends with this process, when its input does."""
    return subprocess.Popen(
        [sys.executable, "-c", _FRESH],
        cwd=tempfile.gettempdir(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def answers(
    model_dir: str,
    examples: list[bytes],
    folder: Path,
    given: Mapping[str, dict[str, np.ndarray]] | None = None,
) -> dict[str, dict[str, np.ndarray]]:
    """Load the model in a fresh process that has TensorFlow alone, and return what every signature answers."""
    asked = {name: np.array(fed, object) for name, fed in tensors(model_dir, examples, given).items()}
    np.savez(folder / "questions.npz", **asked)
    process = _with_tensorflow_alone()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(folder), model_dir]) + "\n")
    process.stdin.flush()
    error = json.loads(process.stdout.readline() or '"it ended"')
    assert not error, error
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(folder / "answers.npz", allow_pickle=True) as saved:
        for name in saved.files:
            signature, key = name.split("/", 1)
            found.setdefault(signature, {})[key] = saved[name]
    return found


def requests_in(model_dir: str) -> dict[str, list[dict[str, np.ndarray]]]:
    """The Predict requests that a model carries with it: signature -> inputs of each."""
    found: dict[str, list[dict[str, np.ndarray]]] = {}
    path = Path(model_dir, "assets.extra", "tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        found.setdefault(request.model_spec.signature_name, []).append(inputs)
    return found


def answers_of_a_session(model_dir: str, signature: str, examples: list[bytes]) -> dict[str, np.ndarray]:
    """What the model answers to serialized examples when it is loaded as TensorFlow Serving loads it."""
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], model_dir).signature_def[signature]
        [examples_name] = [info.name for info in loaded.inputs.values()]
        outputs = {name: info.name for name, info in loaded.outputs.items()}
        found: dict[str, np.ndarray] = session.run(outputs, {examples_name: examples})
    return found


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], scale: float = 1.0) -> None:
    """Same names, same texts and indices, floats within 1e-5 of `scale`."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5 * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def eval_config(task: str, labels: list[str]) -> tfma.EvalConfig:
    """Return the evaluation of a task, as the Evaluator asks for it."""
    spec = tfma.ModelSpec(
        signature_name="serving_examples", preprocessing_function_names=["transform_features"]
    )
    metric = {"binary": "BinaryAccuracy", "multiclass": "SparseCategoricalAccuracy"}.get(
        task, "RootMeanSquaredError"
    )
    own = {
        "translation": tfma.MetricConfig(class_name="CorpusBleu", module=bleu.__name__),
        "language_model": tfma.MetricConfig(class_name="Perplexity", module=perplexity.__name__),
        "embedding": tfma.MetricConfig(class_name="BitsGained", module=bits_gained.__name__),
    }
    metrics = tfma.MetricsSpec(
        metrics=[
            own.get(task, tfma.MetricConfig(class_name=metric)),
            tfma.MetricConfig(class_name="ExampleCount"),
        ]
    )
    if len(labels) > 1:
        spec.label_keys.update({name: f"{name}_xf" for name in labels})
        metrics.output_names.extend(labels)
    elif labels:
        spec.label_key = f"{labels[0]}_xf"
        answers = {"binary": "probability", "multiclass": "probabilities", "translation": "translation"}
        spec.prediction_key = answers.get(task, labels[0])
    return tfma.EvalConfig(model_specs=[spec], metrics_specs=[metrics], slicing_specs=[tfma.SlicingSpec()])


def evaluate(prepared: Prepared, model_dir: str, split: str) -> dict[str, dict[str, float]]:
    """Return TFMA's metrics of one raw split: output name ("" for a single one) -> metric -> value."""
    config = eval_config(prepared.custom_config["task"], prepared.custom_config["labels"])
    result = tfma.run_model_analysis(
        eval_shared_model=tfma.default_eval_shared_model(model_dir, eval_config=config),
        eval_config=config,
        data_location=str(prepared.folder / "raw" / split),
        output_path=str(prepared.folder / "evaluation"),
    )
    return {
        output: {name: value["doubleValue"] for name, value in by_class[""].items()}
        for output, by_class in result.slicing_metrics[0][1].items()
    }


def expected_metrics(
    task: str, labels: list[str], scores: dict[str, np.ndarray], truth: dict[str, np.ndarray]
) -> Any:
    """Return the metrics that TFMA should find, computed with numpy."""
    if task == "regression":
        errors = {name: scores[name][:, 0] - truth[f"{name}_xf"] for name in labels}
        values = {
            name: {"root_mean_squared_error": np.sqrt(np.mean(error**2))} for name, error in errors.items()
        }
        return values if len(labels) > 1 else {"": values[labels[0]]}
    index = truth[f"{labels[0]}_xf"]
    if task == "binary":
        return {"": {"binary_accuracy": np.mean((scores["probability"][:, 0] > 0.5) == index)}}
    return {"": {"sparse_categorical_accuracy": np.mean(scores["probabilities"].argmax(axis=1) == index)}}


def serve(model_dir: str, examples: list[bytes], folder: Path) -> serving_check.Findings:
    """Ask the model server about examples, by every signature that they can feed, and compare its answers."""
    parameters = {
        "model_name": "contract",
        "tolerance": 1e-5,
        "start_seconds": 120.0,
        "warmup_requests": 4,
    }
    blessing, scratch = folder / "blessing", folder / "served"
    with model_servers.forked():
        return serving_check.serve_and_compare(
            Path(model_dir), blessing, rows.of_examples(examples), parameters, scratch
        )


def export_nothing(monkeypatch: Any) -> None:
    """Trainings leave weights and curves alone: tracing the graphs of the SavedModel costs more than they do."""
    monkeypatch.setattr(export, "save", lambda *_, **__: None)


def keep(
    prepared: Prepared, run_fn: Callable[[FnArgs], None], monkeypatch: Any
) -> dict[str, dict[str, np.ndarray]]:
    """Assert the whole contract, and return the answers of every signature on the `valid` split."""
    exported: list[export.ServingModule] = []
    save = export.save

    def spy(module: export.ServingModule, *args: Any, **kwargs: Any) -> None:
        exported.append(module)
        save(module, *args, **kwargs)

    monkeypatch.setattr(export, "save", spy)
    run_fn(prepared.fn_args())
    curves = json.loads(
        (prepared.folder / "Trainer" / "model_run" / "1" / "learning_curves.json").read_text()
    )
    assert curves["loss"][-1] < curves["loss"][0]
    assert not list((prepared.folder / "Trainer" / "checkpoints").glob("*"))

    task, labels = prepared.custom_config["task"], prepared.custom_config["labels"]
    module, truth = exported[0], transformed(prepared, "valid")
    inputs = module.assemble({name: tf.constant(value) for name, value in truth.items()})
    expected = {
        name: np.asarray(value)
        for name, value in module.outputs(module.model.predict(inputs, verbose=0)).items()
    }
    found = answers(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    scale = max(1.0, *(float(np.abs(v).max()) for v in expected.values() if v.dtype.kind == "f"))
    of_bytes = {"serving_bytes"} & set(found)
    for signature in ("serving_default", "serving_examples", *of_bytes):
        assert_equal(found[signature], expected, scale)
        assert_equal(
            found[f"{signature} of one"], {name: value[:1] for name, value in expected.items()}, scale
        )
    # An encoded image goes through untouched and is not answered back.
    answered = {name: value for name, value in truth.items() if value.dtype.kind != "O"}
    assert_equal(found["transform_features"], answered)
    in_a_session = answers_of_a_session(prepared.model_dir(), "serving_examples", prepared.raw["valid"])
    assert_equal(in_a_session, expected, scale)

    measured = evaluate(prepared, prepared.model_dir(), "valid")
    for output, metrics in expected_metrics(task, labels, expected, truth).items():
        assert measured[output]["example_count"] == len(prepared.raw["valid"])
        for name, value in metrics.items():
            np.testing.assert_allclose(measured[output][name], value, rtol=1e-5, err_msg=f"{output} {name}")

    served = serve(prepared.model_dir(), prepared.raw["valid"], prepared.folder)
    assert served.failures == []
    assert set(served.feeds) == {name for name in found if not name.endswith(" of one")}
    assert served.not_checked == {}
    return found
