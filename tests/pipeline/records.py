"""Records of runs as TFX 1.21 writes them (types, events, contexts, cache), with small artifacts beside them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline import companions, metadata
from pipeline.home import Home

Refs = dict[str, tuple[str, str]]
SERVED = {
    "blessed": True,
    "failures": [],
    "signatures": {"serving_default": {}, "serving_examples": {}},
    "not_checked": {},
    "latency_ms": {"REST": {"p99": 3.1}, "gRPC": {"p99": 1.2}},
    "memory_mb": 412.0,
}
SPLITS = (("train", 0.7), ("valid", 0.1), ("eval", 0.2))
VERSIONS = {"tensorflow": "2.21.0", "tfx": "1.21.0"}


@dataclass(frozen=True)
class Node:
    kind: str
    inputs: Refs
    outputs: dict[str, str]


DAG = {
    "ExampleGen": Node(
        "components.columnar_example_gen.component.ColumnarExampleGen", {}, {"examples": "Examples"}
    ),
    "StatisticsGen": Node(
        "tfx.components.statistics_gen.component.StatisticsGen",
        {"examples": ("ExampleGen", "examples")},
        {"statistics": "ExampleStatistics"},
    ),
    "SchemaGen": Node(
        "tfx.components.schema_gen.component.SchemaGen",
        {"statistics": ("StatisticsGen", "statistics")},
        {"schema": "Schema"},
    ),
    "ExampleValidator": Node(
        "components.example_validator.component.ExampleValidator",
        {"statistics": ("StatisticsGen", "statistics"), "schema": ("SchemaGen", "schema")},
        {"anomalies": "ExampleAnomalies"},
    ),
    "Transform": Node(
        "tfx.components.transform.component.Transform",
        {"examples": ("ExampleGen", "examples"), "schema": ("SchemaGen", "schema")},
        {"transform_graph": "TransformGraph", "transformed_examples": "Examples"},
    ),
    "Trainer": Node(
        "tfx.components.trainer.component.Trainer",
        {
            "examples": ("Transform", "transformed_examples"),
            "transform_graph": ("Transform", "transform_graph"),
            "schema": ("SchemaGen", "schema"),
        },
        {"model": "Model", "model_run": "ModelRun"},
    ),
    "latest_blessed_model": Node(
        "tfx.dsl.components.common.resolver.Resolver", {"candidate": ("Trainer", "model")}, {}
    ),
    "Evaluator": Node(
        "components.evaluator.component.Evaluator",
        {
            "model": ("Trainer", "model"),
            "examples": ("ExampleGen", "examples"),
            "schema": ("SchemaGen", "schema"),
        },
        {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"},
    ),
    "ServingCheck": Node(
        "components.serving_check.component.ServingCheck",
        {"model": ("Trainer", "model"), "examples": ("ExampleGen", "examples")},
        {"blessing": "InfraBlessing"},
    ),
    "Pusher": Node(
        "components.pusher.component.Pusher",
        {
            "model": ("Trainer", "model"),
            "model_blessing": ("Evaluator", "blessing"),
            "infra_blessing": ("ServingCheck", "blessing"),
        },
        {"pushed_model": "PushedModel"},
    ),
}
# On unseen data; what it takes over stands under the nodes of the training, `trained.` before their names.
EVALUATION = {
    "ExampleGen": DAG["ExampleGen"],
    "StatisticsGen": DAG["StatisticsGen"],
    "evaluated_model": Node("tfx.dsl.components.common.resolver.Resolver", {}, {}),
    "ExampleValidator": Node(
        DAG["ExampleValidator"].kind,
        {
            "statistics": ("StatisticsGen", "statistics"),
            "schema": ("trained.SchemaGen", "schema"),
            "baseline_statistics": ("trained.StatisticsGen", "statistics"),
        },
        {"anomalies": "ExampleAnomalies"},
    ),
    "Evaluator": Node(
        DAG["Evaluator"].kind,
        {
            "model": ("trained.Trainer", "model"),
            "examples": ("ExampleGen", "examples"),
            "former_evaluation": ("trained.Evaluator", "evaluation"),
        },
        {"evaluation": "ModelEvaluation"},
    ),
}
DRIFT = [
    {
        "column": "bill_length_mm",
        "divergence": 0.31,
        "bound": None,
        "moved": 0.42,
        "by_chance": 0.004,
        "drifted": True,
    },
    {
        "column": "island",
        "divergence": 0.01,
        "bound": 0.1,
        "moved": 0.01,
        "by_chance": None,
        "drifted": False,
    },
]


@dataclass
class Recorder:
    """Writes runs of one pipeline; a node whose inputs and parameters were seen before is cached."""

    home: Home
    pipeline: str = "penguin"
    files: bool = True
    dag: dict[str, Node] = field(default_factory=lambda: DAG)
    store: metadata.Store = field(init=False)
    pushed: list[tuple[int, int]] = field(default_factory=list)
    version: int = 0
    _cache: dict[str, dict[str, int]] = field(default_factory=dict)
    _types: dict[str, int] = field(default_factory=dict)
    _contexts: dict[str, mlmd.Context] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = metadata.open_store(self.home, create=True)

    def run(
        self,
        run_id: str,
        *,
        rows: int = 344,
        file: str = "penguins.csv",
        mean: float = 43.9,
        code: str = "c0de",
        transform: str = "minmax",
        trainer: dict[str, Any] | None = None,
        accuracy: float = 0.97,
        bound: float = 0.95,
        stop: str = "",
        state: str = "succeeded",
        last: str = "COMPLETE",
    ) -> dict[str, dict[str, int]]:
        """One run as far as the node `stop`, whose execution ends in the state `last`; node -> output key -> artifact."""
        trainer = trainer or {"learning_rate": 0.01}
        config = {
            "name": self.pipeline,
            "data": {"path": file},
            "trainer": {
                "module": "trainer_modules.tabular",
                "features": {"scale": transform},
                "training": trainer,
            },
            "tuner": {"trials": 0},
            "evaluation": {"gates": [{"metric": "accuracy", "lower": bound}]},
        }
        described = {
            "mlpipe_state": state,
            "mlpipe_reason": f"{stop} stopped" if stop else "",
            "mlpipe_config": json.dumps(config),
            "mlpipe_fingerprint": hashlib.sha256(json.dumps([config, code, rows]).encode()).hexdigest(),
            "mlpipe_code": json.dumps(
                {"trainer_modules.tabular": code, "components.pusher.executor": "0123"}
            ),
            "mlpipe_versions": json.dumps(VERSIONS),
            "mlpipe_started": "2026-11-23T01:35:12+00:00",
            "mlpipe_ended": "" if state == "running" else "2026-11-23T01:35:42+00:00",
        }
        run = metadata.register_run(self.store, self.pipeline, run_id, described)
        sha = hashlib.sha256(f"{file}{rows}".encode()).hexdigest()
        listed = json.dumps([{"split": "all", "file": file, "bytes": rows * 40, "sha256": sha, "rows": rows}])
        custom = {"task": "multiclass", "labels": ["species"], "features": {"scale": transform}, "code": code}
        parameters: dict[str, dict[str, Any]] = {
            "ExampleGen": {"input_base": "/data", "input_files": listed, "code": "e6", "span": 0},
            "Transform": {
                "preprocessing_fn": "trainer_modules.tabular.preprocessing_fn",
                "custom_config": custom,
            },
            "Trainer": {
                "run_fn": "trainer_modules.tabular.run_fn",
                "custom_config": {**custom, "model": {"hidden": [16]}, "training": trainer},
            },
            "Evaluator": {"eval_config": {"accuracy": bound}, "code": "ee"},
            "ServingCheck": {"requests": 32, "code": "5c"},
            "Pusher": {"directory": str(self.home.serving(self.pipeline)), "keep": 3, "code": "ff"},
        }
        facts = {"rows": rows, "mean": mean, "accuracy": accuracy, "bound": bound, "files": listed}
        made: dict[str, dict[str, int]] = {}
        for node_id in DAG:
            ending = last if node_id == stop else ""
            made[node_id] = self._node(run, node_id, parameters.get(node_id, {}), facts, made, ending)
            if node_id == stop:
                break
        return made

    def evaluate(
        self,
        run_id: str,
        trained: dict[str, dict[str, int]],
        *,
        file: str = "new.csv",
        rows: int = 100,
        mean: float = 50.2,
        accuracy: float = 0.6,
        bound: float = 0.95,
        state: str = "gate_failed",
        notes: Sequence[str] = (),
    ) -> dict[str, dict[str, int]]:
        """An evaluation of the model of a run (what `run` gave) on unseen data; node -> output key -> artifact."""
        name = companions.evaluations_of(self.pipeline)
        other = Recorder(self.home, name, self.files, EVALUATION)
        model = trained["Trainer"]["model"]
        about = f"version 1 on {file}"
        config = {"name": self.pipeline, "evaluation": {"gates": [{"metric": "accuracy", "lower": bound}]}}
        failed = f"verdict against {about}: accuracy {accuracy} on overall"
        described = {
            "mlpipe_kind": "evaluation",
            "mlpipe_about": about,
            "mlpipe_model": str(model),
            "mlpipe_model_version": "1",
            "mlpipe_notes": json.dumps(list(notes)),
            "mlpipe_state": state,
            "mlpipe_reason": failed if state == "gate_failed" else "",
            "mlpipe_config": json.dumps(config),
            "mlpipe_versions": json.dumps(VERSIONS),
            "mlpipe_started": "2026-11-24T01:35:12+00:00",
            "mlpipe_ended": "2026-11-24T01:35:42+00:00",
        }
        run = metadata.register_run(self.store, name, run_id, described)
        listed = json.dumps([{"split": "all", "file": file, "bytes": 1, "sha256": run_id, "rows": rows}])
        facts = {
            "rows": rows,
            "mean": mean,
            "accuracy": accuracy,
            "bound": bound,
            "files": listed,
            "splits": (("eval", 1.0),),
            "drift": DRIFT,
            "own": 0.97,
        }
        made = {
            **{f"trained.{node}": outputs for node, outputs in trained.items()},
            "Trainer": {"model": model},
        }
        for node_id in EVALUATION:
            parameters = {"ExampleGen": {"input_files": listed}}.get(node_id, {})
            made[node_id] = other._node(run, node_id, parameters, facts, made, "")
        return made

    def _node(
        self,
        run: mlmd.Context,
        node_id: str,
        parameters: dict[str, Any],
        facts: dict[str, Any],
        made: dict[str, dict[str, int]],
        ending: str,
    ) -> dict[str, int]:
        node = self.dag[node_id]
        inputs: dict[int, list[str]] = {}
        for key, (source, output) in node.inputs.items():
            inputs.setdefault(made[source][output], []).append(key)
        baseline = 0
        if node_id in ("Evaluator", "latest_blessed_model"):
            current = made["Trainer"]["model"]
            baseline, push = next((p for p in reversed(self.pushed) if p[0] != current), (0, 0))
        if node_id == "Evaluator" and baseline:
            inputs.setdefault(baseline, []).append("baseline_model")
        key = json.dumps([node_id, sorted(inputs.items()), parameters])
        cached = self._cache.get(key) if node.outputs and ending in ("", "COMPLETE") else None
        state = ending or ("CACHED" if cached else "COMPLETE")
        execution = mlmd.Execution(
            type_id=self._type("execution", node.kind),
            name=str(uuid.uuid4()),
            last_known_state=mlmd.Execution.RUNNING
            if state == "COMPLETE"
            else mlmd.Execution.State.Value(state),
        )
        for name, value in parameters.items():
            if isinstance(value, int):
                execution.custom_properties[name].int_value = value
            else:
                text = value if isinstance(value, str) else json.dumps(value)
                execution.custom_properties[name].string_value = text
        edges = [(self._existing(i), _event(mlmd.Event.INPUT, keys)) for i, keys in inputs.items()]
        if node_id == "latest_blessed_model" and baseline:
            for artifact_id, output in ((baseline, "model"), (push, "pushed_model")):
                edges.append((self._existing(artifact_id), _event(mlmd.Event.INTERNAL_OUTPUT, [output])))
        if cached:
            edges += [(self._existing(i), _event(mlmd.Event.OUTPUT, [k])) for k, i in cached.items()]
        contexts = [
            self._context("pipeline", self.pipeline),
            run,
            self._context("node", f"{self.pipeline}.{node_id}"),
            self._context("execution_cache", hashlib.sha256(key.encode()).hexdigest()),
        ]
        execution.id, _, _ = self.store.put_execution(execution, edges, contexts)
        if cached:
            return cached
        if state != "COMPLETE":
            return {}
        outputs = [
            (k, self._artifact(node_id, k, kind, execution.id, facts, made, baseline))
            for k, kind in node.outputs.items()
        ]
        execution.last_known_state = mlmd.Execution.COMPLETE
        edges = [(artifact, _event(mlmd.Event.OUTPUT, [k])) for k, artifact in outputs]
        _, ids, _ = self.store.put_execution(execution, edges, contexts)
        result = {k: i for (k, _), i in zip(outputs, ids, strict=True)}
        if node_id == "Pusher" and facts["accuracy"] >= facts["bound"]:
            self.pushed.append((made["Trainer"]["model"], result["pushed_model"]))
        self._cache[key] = result
        return result

    def _artifact(
        self,
        node_id: str,
        key: str,
        kind: str,
        execution_id: int,
        facts: dict[str, Any],
        made: dict[str, dict[str, int]],
        baseline: int,
    ) -> mlmd.Artifact:
        folder = self.home.pipeline_root(self.pipeline) / node_id / key / str(execution_id)
        artifact = mlmd.Artifact(
            type_id=self._type("artifact", kind), uri=str(folder), state=mlmd.Artifact.LIVE
        )
        custom = artifact.custom_properties
        custom["tfx_version"].string_value = "1.21.0"
        content: dict[str, str | bytes] = {"data.bin": b"x" * 1000}
        blessed = facts["accuracy"] >= facts["bound"]
        if kind == "Examples":
            custom["span"].int_value = 0
            custom["split_names"].string_value = json.dumps([name for name, _ in facts.get("splits", SPLITS)])
            if node_id == "ExampleGen":
                custom["input_files"].string_value = facts["files"]
                custom["input_fingerprint"].string_value = (
                    "sha256:" + hashlib.sha256(facts["files"].encode()).hexdigest()
                )
        elif kind == "ExampleStatistics":
            content = {
                f"Split-{split}/FeatureStats.pb": statistics(int(facts["rows"] * share), facts["mean"])
                for split, share in facts.get("splits", SPLITS)
            }
        elif kind == "ExampleAnomalies":
            custom["anomaly_count"].int_value = 0
            if "drift" in facts:
                content = {"drift.json": json.dumps(facts["drift"]), "Split-eval/SchemaDiff.pb": b""}
        elif kind == "ModelBlessing":
            custom["blessed"].int_value = int(blessed)
            custom["current_model_id"].int_value = made["Trainer"]["model"]
            if baseline:
                custom["baseline_model_id"].int_value = baseline
        elif kind == "ModelEvaluation":
            content = {
                "verdict.json": json.dumps(
                    verdict(facts["accuracy"], facts["bound"], bool(baseline), facts.get("own"))
                )
            }
        elif kind == "InfraBlessing":
            custom["blessed"].int_value = 1
            content = {"serving_check.json": json.dumps(SERVED)}
        elif kind == "PushedModel":
            custom["pushed"].int_value = int(blessed)
            if blessed:
                self.version += 1
                served = self.home.serving(self.pipeline) / str(self.version)
                custom["pushed_version"].string_value = str(self.version)
                custom["pushed_destination"].string_value = str(served)
                if self.files:
                    served.mkdir(parents=True)
                    (served / "saved_model.pb").write_bytes(b"m")
        if self.files:
            for name, data in content.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return artifact

    def unserve(self, version: int) -> None:
        """Take a version away, as the Pusher does with old ones."""
        shutil.rmtree(self.home.serving(self.pipeline) / str(version))

    def _existing(self, artifact_id: int) -> mlmd.Artifact:
        [artifact] = self.store.get_artifacts_by_id([artifact_id])
        return artifact

    def _type(self, what: str, name: str) -> int:
        if name not in self._types:
            put = self.store.put_execution_type if what == "execution" else self.store.put_artifact_type
            record = mlmd.ExecutionType(name=name) if what == "execution" else mlmd.ArtifactType(name=name)
            self._types[name] = put(record)
        return self._types[name]

    def _context(self, kind: str, name: str) -> mlmd.Context:
        if name not in self._contexts:
            context = self.store.get_context_by_type_and_name(kind, name)
            if context is None:
                context = mlmd.Context(
                    type_id=self.store.put_context_type(mlmd.ContextType(name=kind)), name=name
                )
                [context.id] = self.store.put_contexts([context])
            self._contexts[name] = context
        return self._contexts[name]


def statistics(rows: int, mean: float) -> bytes:
    """FeatureStats.pb of one numeric and one text feature; the numeric one misses two rows."""
    result = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = result.datasets.add(num_examples=rows)
    number = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    number.path.step.append("bill_length_mm")
    number.num_stats.common_stats.num_non_missing = rows - 2
    number.num_stats.common_stats.num_missing = 2
    number.num_stats.mean = mean
    number.num_stats.std_dev = 5.5
    text = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    text.path.step.append("island")
    text.string_stats.common_stats.num_non_missing = rows
    text.string_stats.unique = 2
    for value, frequency in (("Biscoe", rows // 2), ("Dream", rows // 3)):
        text.string_stats.top_values.add(value=value, frequency=frequency)
    return bytes(result.SerializeToString())


def verdict(accuracy: float, bound: float, has_baseline: bool, own: float | None = None) -> dict[str, Any]:
    """What the Evaluator writes beside its results; own: the accuracy of the model's own evaluation, on unseen data."""
    row = {"output": "", "metric": "accuracy", "upper": None, "change": None, "examples": 68}
    return {
        "blessed": accuracy >= bound,
        "metrics": [
            {
                **row,
                "slice": "overall",
                "value": accuracy,
                "lower": bound,
                "baseline": 0.96 if has_baseline else own,
                "ok": accuracy >= bound,
            },
            {
                **row,
                "slice": "island=Biscoe",
                "value": 0.93,
                "lower": None,
                "baseline": None,
                "ok": None,
                "examples": 30,
            },
        ],
        "missing_slices": [],
        "missing_thresholds": False,
        "baseline_is": "last blessed" if own is None else "its own evaluation",
    }


def _event(kind: int, keys: list[str]) -> mlmd.Event:
    event = mlmd.Event(type=kind)
    for key in keys:
        event.path.steps.add(key=key)
        event.path.steps.add(index=0)
    return event


def history(home: Home, pipeline: str = "penguin") -> Recorder:
    """Six runs: pushed, all cached, pushed with another learning rate, gate failed, Trainer failed, killed."""
    recorder = Recorder(home, pipeline)
    recorder.run("20261123-010000")
    recorder.run("20261123-020000")
    recorder.run("20261123-030000", trainer={"learning_rate": 0.1}, accuracy=0.98)
    recorder.run("20261123-040000", trainer={"learning_rate": 9.0}, accuracy=0.5, state="gate_failed")
    recorder.run("20261124-050000", rows=345, stop="Trainer", state="failed", last="FAILED")
    recorder.run("20261124-060000", rows=346, stop="Transform", state="running", last="RUNNING")
    return recorder


def copy_of(recorder: Recorder, home: Home) -> Recorder:
    """The same records and artifacts in another home, to go on with or to spoil."""
    shutil.copytree(recorder.home.root, home.root, dirs_exist_ok=True)
    change = (str(recorder.home.root), str(home.root))
    with closing(sqlite3.connect(home.metadata)) as connection, connection:
        connection.execute("UPDATE Artifact SET uri = replace(uri, ?, ?)", change)
        connection.execute("UPDATE ArtifactProperty SET string_value = replace(string_value, ?, ?)", change)
    copied = Recorder(home, recorder.pipeline, recorder.files)
    copied.version, copied.pushed = recorder.version, list(recorder.pushed)
    copied._cache.update(recorder._cache)
    return copied
