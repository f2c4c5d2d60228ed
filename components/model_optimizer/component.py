"""TensorFlow Lite forms of a blessed model."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.utils import json_utils

from components.model_optimizer.artifact import EdgeModel
from components.model_optimizer.config import Optimizer
from components.model_optimizer.executor import Executor


class ModelOptimizerSpec(types.ComponentSpec):
    """Model, blessing and examples in, its forms out."""

    PARAMETERS = {
        "model_name": component_spec.ExecutionParameter(type=str),
        "task": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "metric": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }
    OUTPUTS = {"edge_model": component_spec.ChannelParameter(type=EdgeModel)}


class ModelOptimizer(base_component.BaseComponent):
    """Makes TensorFlow Lite forms of a blessed model and measures each against it.

    The output `edge_model` is an EdgeModel: a folder for each form that lost no more than it may, and
    `optimized.json` with the figures of all. The component itself does not fail on a form: the artifact must outlive
    the run (`components.model_optimizer.report.gate_failure` says whether the gate holds).

    Args:
      model: Channel of the Model.
      model_blessing: Channel of its ModelBlessing; of a model without a blessing nothing is made.
      examples: Channel of Examples, untransformed: `train` for the ranges of int8, `eval` to measure on.
      model_name: the name that the metadata gives the model.
      task: binary, multiclass or regression.
      labels: the label columns.
      metric: the pipeline's first gated metric; `components.model_optimizer.metric` says what is measured for it.
      settings: which forms, and what they may lose.
      code: fingerprint of the executor, part of the cache key.
      schema: Channel of Schema: names the columns that none of the examples has a value in.
    """

    SPEC_CLASS = ModelOptimizerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        examples: types.BaseChannel,
        model_name: str,
        task: str,
        labels: Sequence[str],
        metric: str,
        settings: Optimizer,
        code: str,
        schema: types.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            spec=ModelOptimizerSpec(
                model=model,
                model_blessing=model_blessing,
                examples=examples,
                schema=schema,
                model_name=model_name,
                task=task,
                labels=json_utils.dumps(list(labels)),
                metric=metric,
                settings=settings.model_dump_json(),
                code=code,
                edge_model=types.Channel(type=EdgeModel),
            )
        )
