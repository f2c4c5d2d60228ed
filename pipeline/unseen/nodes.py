"""The nodes that judge a model on unseen data: the pipeline's own components, with nothing that trains or pushes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import Channel, standard_artifacts

from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.resolvers import ById
from pipeline import beam_engine, companions, dag, evaluation, fingerprint
from pipeline.home import Home
from pipeline.sections import Config
from pipeline.sources import Source
from pipeline.unseen.subject import Subject
from pipeline.unseen.unseen_data import SPLIT

SUBJECT = "evaluated_model"
# An inferred schema describes the data that it came from: a value that those did not have is not yet a fault.
INFERRED_TOLERANCE = 0.05


def create_pipeline(
    config: Config, source: Source, slices: Sequence[Sequence[str]], subject: Subject, home: Home
) -> tfx_pipeline.Pipeline:
    """The pipeline, under a name of its own.

    Args:
      config: the pipeline's configuration.
      source: the unseen data.
      slices: lists of columns, all of them in the data.
      subject: the model, and what its training left.
      home: where artifacts and metadata go.
    """
    nodes: list[BaseNode] = []

    def add(node: Any, node_id: str) -> Any:
        nodes.append(node.with_id(node_id))
        return node

    # 1. All of the data, held out from training as it is.
    examples = add(dag.example_gen(source, {SPLIT: 1}), "ExampleGen").outputs["examples"]
    statistics = add(dag.statistics_gen(config, source, examples), "StatisticsGen").outputs["statistics"]

    # 2. The model, and what its training left.
    trained = add(
        Resolver(
            strategy_class=ById,
            config={"ids": subject.ids},
            model=Channel(type=standard_artifacts.Model),
            schema=Channel(type=standard_artifacts.Schema),
            statistics=Channel(type=standard_artifacts.ExampleStatistics),
            evaluation=Channel(type=standard_artifacts.ModelEvaluation),
        ),
        SUBJECT,
    ).outputs

    # 3. Anomalies by the schema of the training, drift against its data.
    validator = add(
        ExampleValidator(
            statistics=statistics,
            schema=trained["schema"],
            examples=examples,
            baseline_statistics=trained["statistics"],
            drift=config.schema_.drift,
            skew={},
            drift_of=SPLIT,
            tolerance=None if subject.curated else INFERRED_TOLERANCE,
            code=fingerprint.of_module("components.example_validator.executor"),
        ),
        "ExampleValidator",
    )

    # 4. The metrics, by the bounds of the pipeline, beside those of the model's own evaluation.
    buckets = evaluation.buckets(config, slices)
    evaluator = add(
        Evaluator(
            examples=examples,
            model=trained["model"],
            baseline_model=None,
            former_evaluation=trained["evaluation"],
            schema=trained["schema"],
            eval_config=evaluation.eval_config(config, slices),
            example_splits=[SPLIT],
            min_slice_examples=config.evaluation.min_slice_examples,
            task=config.task,
            class_gates=evaluation.class_gates(config),
            buckets=buckets,
            statistics=trained["statistics"] if buckets else None,
            mistakes=config.evaluation.mistakes,
            predictions=config.evaluation.predictions,
            blesses=False,
            code=fingerprint.of_module("components.evaluator.executor"),
        ),
        "Evaluator",
    )
    evaluator.add_upstream_node(validator)

    name = companions.evaluations_of(config.name)
    return tfx_pipeline.Pipeline(
        pipeline_name=name,
        pipeline_root=str(home.pipeline_root(name)),
        components=nodes,
        enable_cache=True,
        beam_pipeline_args=beam_engine.arguments(config.beam),
    )
