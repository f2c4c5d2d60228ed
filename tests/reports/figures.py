"""What the report of a run must show, read from the artifacts and ML Metadata without the code that writes the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_transform as tft
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.utils import io_utils

from pipeline import gates, metadata
from pipeline.home import Home
from pipeline.metadata import Store
from reports import words

SECTIONS = ("verdict", "dag", "data", "schema", "training", "evaluation", "attributions", "trend", "card")


def check(page: Any, home: Home, pipeline: str, hollow: set[str]) -> None:
    """Asserts that the open report of the last run has all sections, filled but for `hollow`, with its figures."""
    assert tuple(page.eval_on_selector_all("main > section", "all => all.map(one => one.id)")) == SECTIONS
    empty = page.eval_on_selector_all("section:has(> .empty)", "all => all.map(one => one.id)")
    assert set(empty) == hollow
    for section, expected in figures(home, pipeline).items():
        if section in hollow:
            continue
        shown = " ".join(page.locator(f"#{section}").text_content().split())
        assert expected, section
        assert [text for text in expected if text not in shown] == [], section
    for section in {"dag", "data", "training", "evaluation"}:
        assert page.locator(f"#{section} svg").count() > 0, section
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def figures(home: Home, pipeline: str) -> dict[str, list[str]]:
    """Section -> texts that it holds if it tells the truth about the last run."""
    store = metadata.open_store(home)
    run = metadata.run_contexts(store, pipeline)[-1]
    artifacts = {artifact.type: artifact for artifact in metadata.artifacts_of(store, run)}
    rows = gates.verdict(artifacts["ModelEvaluation"])["metrics"]
    overall = [row for row in rows if row["slice"] == "overall"]
    counts = _examples(artifacts["ExampleStatistics"])
    curves = json.loads(Path(artifacts["ModelRun"].uri, "learning_curves.json").read_text())
    learnt = [words.count(curves[key]) for key in ("parameters", "train_examples", "valid_examples")]
    return {
        "verdict": [words.number(row["value"]) for row in rows if row["ok"] is not None],
        "dag": list(_nodes(store, run)),
        "data": [f"{words.count(counts[split])} {split}" for split in ("train", "valid", "eval")],
        "schema": [_features(artifacts["Schema"]), *_vocabularies(artifacts["TransformGraph"])],
        "training": [*learnt, words.count(curves["steps"]), str(curves["seed"])],
        "evaluation": [words.number(row["value"]) for row in overall]
        + [words.count(row["examples"]) for row in overall],
        "attributions": list(_attributions(artifacts.get("FeatureAttributions"))),
        "trend": [row["metric"] for row in overall if row["ok"] is not None],
        "card": [
            run.name,
            *learnt,
            *(words.number(row["value"]) for row in overall if row["ok"] is not None),
        ],
    }


def _examples(statistics: mlmd.Artifact) -> dict[str, int]:
    """Split -> how many examples it has."""
    found = {}
    for file in Path(statistics.uri).glob("Split-*/FeatureStats.pb"):
        content = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        found[file.parent.name.removeprefix("Split-")] = content.datasets[0].num_examples
    return found


def _features(schema: mlmd.Artifact) -> str:
    count = len(io_utils.SchemaReader().read(str(Path(schema.uri, "schema.pbtxt"))).feature)
    return f"{count} features"


def _nodes(store: Store, run: mlmd.Context) -> Iterator[str]:
    """Each node, and of those that were not cached the seconds."""
    for execution in store.get_executions_by_context(run.id):
        (node,) = [c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node"]
        seconds = (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000
        yield node.split(".", 1)[1]
        if execution.last_known_state == mlmd.Execution.COMPLETE:
            yield f"complete · {words.seconds(seconds)}"


def _vocabularies(graph: mlmd.Artifact) -> Iterator[str]:
    """Each vocabulary with the number of its tokens; not the model of a tokenizer."""
    output = tft.TFTransformOutput(graph.uri)
    for file in sorted(Path(graph.uri, "transform_fn", "assets").iterdir()):
        name = file.name.removesuffix(".tfrecord.gz")
        if file.suffix != ".model":
            yield f"{name} {words.count(output.vocabulary_size_by_name(name))} tokens"


def _attributions(artifact: mlmd.Artifact | None) -> Iterator[str]:
    """The importance of each feature, by permutation and by gradients, on all examples."""
    if artifact is not None:
        found = json.loads(Path(artifact.uri, "attributions.json").read_text())
        for method in ("permutation", "gradients"):
            for row in (found[method] or {"rows": []})["rows"]:
                if row["slice"] == "overall":
                    yield row["feature"]
                    yield words.number(row["importance"])
