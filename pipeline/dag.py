"""The DAG: it reads from top to bottom as it is drawn in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.components import SchemaGen as StockSchemaGen
from tfx.components import Trainer, Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import example_gen_pb2, range_config_pb2, trainer_pb2
from tfx.types import BaseChannel, Channel, standard_artifacts

from components.attributions.artifact import FeatureAttributions
from components.attributions.component import Attributions
from components.columnar_example_gen.component import ColumnarExampleGen
from components.curated_schema.component import CuratedSchema
from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.image_example_gen.component import ImageExampleGen
from components.image_example_gen.options import ImageOptions
from components.model_optimizer.component import ModelOptimizer
from components.pusher.component import Pusher
from components.resolvers import LastGoodStatistics, LatestBlessedModel, ModelAttributions
from components.schema_gen.component import SchemaGen
from components.statistics_gen.component import StatisticsGen
from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.options import TextOptions
from components.transform.component import Transform
from components.word_pairs.component import WordPairs
from pipeline import beam_engine, evaluation, fingerprint, push_directory, serving_check, trainer_files
from pipeline.home import Home
from pipeline.sections import Config
from pipeline.sources import SPLIT, Source
from pipeline.task_metrics import METRICS
from pipeline.trainer_files import TrainerFile


def create_pipeline(
    config: Config,
    source: Source,
    slices: Sequence[Sequence[str]],
    schema_file: Path | None,
    files: Mapping[str, TrainerFile],
    home: Home,
) -> tfx_pipeline.Pipeline:
    """The pipeline of a configuration; component ids are stable, and code fingerprints are among the parameters.

    Args:
      config: the pipeline's configuration.
      source: where its files are and how they are read.
      slices: lists of columns, all of them in the data, whose values make the slices that are evaluated.
      schema_file: a curated schema (text format); without one the schema is inferred.
      files: the files that the trainer section names.
      home: where artifacts, metadata and pushed models go.
    """
    nodes: list[BaseNode] = []

    def add(node: Any, node_id: str) -> Any:
        nodes.append(node.with_id(node_id))
        return node

    # 1. Raw data to examples, split by the content of each example.
    examples = add(
        example_gen(source, config.data.splits),
        "ExampleGen",
    ).outputs["examples"]

    # 2. Statistics of every split.
    statistics = add(statistics_gen(config, source, examples), "StatisticsGen").outputs["statistics"]

    # 3. The schema: curated by people, or inferred.
    schema = add(_schema_gen(config, statistics, schema_file), "SchemaGen").outputs["schema"]

    # 4. Anomalies, drift against the last good data, skew between splits; a gate stops the run here.
    baseline_statistics = None
    if config.schema_.drift:
        baseline_statistics = add(
            Resolver(
                strategy_class=LastGoodStatistics,
                current=statistics,
                statistics=Channel(type=standard_artifacts.ExampleStatistics),
            ),
            "last_span_statistics",
        ).outputs["statistics"]
    validator = add(
        ExampleValidator(
            statistics=statistics,
            schema=schema,
            examples=examples,
            baseline_statistics=baseline_statistics,
            drift=config.schema_.drift,
            skew=config.schema_.skew,
            code=fingerprint.of_module("components.example_validator.executor"),
        ),
        "ExampleValidator",
    )

    # 5. Preprocessing, analysed over the train split, as a graph that training and serving share.
    module = config.trainer.module
    code = fingerprint.of_module(module)
    features = {
        "task": config.task,
        "labels": config.labels,
        "features": config.trainer.features,
        "code": code,
    }
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=f"{module}.preprocessing_fn",
        analyze=["train"],
        transform=["train", "valid"],
        custom_config=features,
        code=fingerprint.of_module("components.transform.executor"),
    )
    transform.add_upstream_node(validator)
    add(transform, "Transform")

    # Of texts whose words get vectors, the pairs of neighbours.
    learnt_from = transform.outputs["transformed_examples"]
    if config.task == "embedding":
        learnt_from = add(
            WordPairs(
                examples=learnt_from,
                transform_graph=transform.outputs["transform_graph"],
                pairs_fn=f"{module}.pairs_fn",
                seed=config.trainer.training.get("seed", 0),
                custom_config={**features, "model": config.trainer.model},
                code=fingerprint.of_module("components.word_pairs.executor"),
            ),
            "WordPairs",
        ).outputs["pairs"]

    # 6. Training, on hyperparameters that a random search may choose, from a blessed model if so configured.
    hyperparameters = None
    custom_config = {**features, **trainer_files.placed(config.trainer, files)}
    fit = {
        "examples": learnt_from,
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["valid"]),
    }
    if config.trainer.tuning.get("trials"):
        tuner = Tuner(
            tuner_fn=f"{module}.tuner_fn",
            custom_config={**custom_config, "tuning": config.trainer.tuning},
            **fit,
        )
        hyperparameters = add(tuner, "Tuner").outputs["best_hyperparameters"]
    base_model = None
    if config.trainer.training.get("warm_start"):
        base_model = add(_latest_blessed(), "warm_start_model").outputs["model"]
    trainer = add(
        Trainer(
            run_fn=f"{module}.run_fn",
            hyperparameters=hyperparameters,
            base_model=base_model,
            custom_config=custom_config | _explained(config),
            **fit,
        ),
        "Trainer",
    )
    model = trainer.outputs["model"]

    # 7. The verdict on the held-out split, against the bounds and against the model blessed last.
    latest_blessed = add(_latest_blessed(candidate=model), "latest_blessed_model")
    buckets = evaluation.buckets(config, slices)
    evaluator = add(
        Evaluator(
            examples=examples,
            model=model,
            baseline_model=latest_blessed.outputs["model"],
            schema=schema,
            eval_config=evaluation.eval_config(config, slices),
            example_splits=["eval"],
            min_slice_examples=config.evaluation.min_slice_examples,
            task=config.task,
            class_gates=evaluation.class_gates(config),
            buckets=buckets,
            statistics=statistics if buckets else None,
            mistakes=config.evaluation.mistakes,
            predictions=config.evaluation.predictions,
            code=fingerprint.of_module("components.evaluator.executor"),
        ),
        "Evaluator",
    )

    # 8. Which features its answers come from; a gate on a change of them stops the run here.
    if config.attributions:
        former = add(
            Resolver(
                strategy_class=ModelAttributions,
                model=latest_blessed.outputs["model"],
                attributions=Channel(type=FeatureAttributions),
            ),
            "former_attributions",
        ).outputs["attributions"]
        metric = config.attributions.metric or config.evaluation.gates[0].metric
        attributions = Attributions(
            model=model,
            examples=examples,
            evaluation=evaluator.outputs["evaluation"],
            former=former,
            task=config.task,
            labels=config.labels,
            metric=metric,
            higher_is_better=METRICS[config.task][metric],
            slices=slices,
            min_slice_examples=config.evaluation.min_slice_examples,
            settings=config.attributions,
            code=fingerprint.of_module("components.attributions.executor"),
        )
        add(attributions, "Attributions")

    # 9. A blessed model is served, asked, and compared with itself; a gate stops the run here.
    infra_blessing = None
    if config.serving_check.enabled:
        check = serving_check.component(config, model=model, examples=examples, schema=schema)
        check.add_upstream_node(nodes[-1])
        infra_blessing = add(check, "ServingCheck").outputs["blessing"]

    # 10. Its TensorFlow Lite forms, each measured against it.
    edge_model = None
    if config.optimizer:
        optimizer = ModelOptimizer(
            model=model,
            model_blessing=evaluator.outputs["blessing"],
            examples=examples,
            schema=schema,
            model_name=config.name,
            task=config.task,
            labels=config.labels,
            metric=config.evaluation.gates[0].metric,
            settings=config.optimizer,
            code=fingerprint.of_module("components.model_optimizer.executor"),
        )
        optimizer.add_upstream_node(nodes[-1])
        edge_model = add(optimizer, "ModelOptimizer").outputs["edge_model"]

    # 11. It becomes the next version that is served.
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_blessing,
        edge_model=edge_model,
        directory=push_directory.of(config, home),
        keep=config.push.keep,
        code=fingerprint.of_module("components.pusher.executor"),
    )
    pusher.add_upstream_node(nodes[-1])
    add(pusher, "Pusher")

    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(home.pipeline_root(config.name)),
        components=nodes,
        enable_cache=True,
        beam_pipeline_args=beam_engine.arguments(config.beam),
    )


def example_gen(source: Source, splits: dict[str, int]) -> BaseNode:
    """The ExampleGen for these files."""
    spans = _range(source.span, source.spans)
    if isinstance(source.reader, TextOptions):
        code = fingerprint.of_module("components.text_example_gen.executor")
        return TextExampleGen(source.base, source.pattern, source.reader, splits, code, spans)
    if isinstance(source.reader, ImageOptions):
        code = fingerprint.of_module("components.image_example_gen.executor")
        return ImageExampleGen(source.base, source.pattern, source.reader, splits, code, spans)
    return ColumnarExampleGen(
        input_base=source.base,
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name=SPLIT, pattern=source.pattern)]
        ),
        output_config=_splits(splits),
        reader=source.reader,
        code=fingerprint.of_module("components.columnar_example_gen.executor"),
        range_config=spans,
    )


def statistics_gen(config: Config, source: Source, examples: BaseChannel) -> BaseNode:
    """The StatisticsGen for what `example_gen` makes."""
    return StatisticsGen(
        examples=examples,
        opaque=["image", "file_name"] if config.data.images else ["file_name"] if config.data.text else [],
        texts=source.reader.texts if isinstance(source.reader, TextOptions) else (),
        code=fingerprint.of_module("components.statistics_gen.executor"),
    )


def _range(span: int | None, spans: int) -> range_config_pb2.RangeConfig | None:
    """The spans that are read, as TFX writes it; none for the latest alone."""
    if span is not None:
        return range_config_pb2.RangeConfig(
            static_range=range_config_pb2.StaticRange(
                start_span_number=max(span - spans + 1, 0), end_span_number=span
            )
        )
    if spans > 1:
        return range_config_pb2.RangeConfig(rolling_range=range_config_pb2.RollingRange(num_spans=spans))
    return None


def _schema_gen(config: Config, statistics: BaseChannel, schema_file: Path | None) -> BaseNode:
    if schema_file:
        return CuratedSchema(schema_file=str(schema_file), fingerprint=fingerprint.of_file(schema_file))
    if config.data.images:
        code = fingerprint.of_module("components.schema_gen.executor")
        return SchemaGen(statistics, numbers=["height", "width", "channels"], code=code)
    return StockSchemaGen(statistics=statistics, infer_feature_shape=False)


def _splits(buckets: dict[str, int]) -> example_gen_pb2.Output:
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=count)
                for name, count in buckets.items()
            ]
        )
    )


def _explained(config: Config) -> dict[str, bool]:
    """Whether the model is to export what gradients need; a key of its own, so that others are cached as before."""
    wanted = config.attributions is not None and config.attributions.gradient_examples > 0
    return {"explained": True} if wanted else {}


def _latest_blessed(**candidate: Any) -> Resolver:
    return Resolver(
        strategy_class=LatestBlessedModel,
        model=Channel(type=standard_artifacts.Model),
        pushed_model=Channel(type=standard_artifacts.PushedModel),
        **candidate,
    )
