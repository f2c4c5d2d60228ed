"""A DAG of the catalog as the TFX templates write it: `python pipeline.py penguin|taxi CSV_FOLDER STATE_FOLDER`.

--bound: of the gate; --until-transform leaves out training and all that follows.
"""

import argparse
import os

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Label, columns that are sliced by, the gated metric and its bound, the other metrics.
PENGUIN = (
    "species",
    ["island", "sex"],
    "SparseCategoricalAccuracy",
    0.95,
    ["ExampleCount", "SparseCategoricalCrossentropy"],
)
TAXI = (
    "big_tipper",
    ["trip_start_hour", "payment_type"],
    "AUC",
    0.9,
    ["ExampleCount", "BinaryAccuracy", "AUCPrecisionRecall", "BinaryCrossentropy"],
)
PIPELINES = {"penguin": PENGUIN, "taxi": TAXI}


def create_pipeline(name, data, state, bound, until_transform):
    label, sliced, gated, default_bound, metrics = PIPELINES[name]
    module = os.path.join(FOLDER, f"{name}_module.py")
    buckets = {"train": 7, "valid": 1, "eval": 2}
    splits = [tfx.proto.SplitConfig.Split(name=n, hash_buckets=b) for n, b in buckets.items()]
    output = tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=splits))
    example_gen = tfx.components.CsvExampleGen(input_base=data, output_config=output)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    transform = tfx.components.Transform(examples=examples, schema=schema, module_file=module)
    trainer = tfx.components.Trainer(
        module_file=module,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["valid"]),
    )
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    lower = {"value": default_bound if bound is None else bound}
    gate = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound=lower))
    eval_config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                label_key=f"{label}_xf",
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[column]) for column in sliced),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name=gated, threshold=gate),
                    *(tfma.MetricConfig(class_name=metric) for metric in metrics),
                ]
            )
        ],
    )
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=eval_config,
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=os.path.join(state, "serving"))
        ),
    )
    nodes = [example_gen, statistics_gen, schema_gen, validator, transform]
    if not until_transform:
        nodes += [trainer, resolver, evaluator, pusher]
    return tfx.dsl.Pipeline(
        pipeline_name=f"stock_{name}",
        pipeline_root=os.path.join(state, "root"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            os.path.join(state, "metadata.sqlite")
        ),
        components=nodes,
        enable_cache=True,
        # The default DirectRunner would first try to download Prism.
        beam_pipeline_args=["--runner=FnApiRunner", "--direct_running_mode=in_memory"],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PIPELINES)
    parser.add_argument("data")
    parser.add_argument("state")
    parser.add_argument("--bound", type=float)
    parser.add_argument("--until-transform", action="store_true")
    given = parser.parse_args()
    tfx.orchestration.LocalDagRunner().run(
        create_pipeline(given.name, given.data, given.state, given.bound, given.until_transform)
    )
