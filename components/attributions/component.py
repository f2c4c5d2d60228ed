"""Which features the answers of a model come from, measured on held-out examples."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.attributions.artifact import FeatureAttributions
from components.attributions.config import Attributions as Settings
from components.attributions.executor import Executor


class AttributionsSpec(types.ComponentSpec):
    """Model, examples and evaluation in, attributions out."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "labels": component_spec.ExecutionParameter(type=str),
        "metric": component_spec.ExecutionParameter(type=str),
        "higher_is_better": component_spec.ExecutionParameter(type=int),
        "slices": component_spec.ExecutionParameter(type=str),
        "min_slice_examples": component_spec.ExecutionParameter(type=int),
        "settings": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "former": component_spec.ChannelParameter(type=FeatureAttributions, optional=True),
    }
    OUTPUTS = {"attributions": component_spec.ChannelParameter(type=FeatureAttributions)}


class Attributions(base_component.BaseComponent):
    """Measures what a model's answers come from: permutation importance, and integrated gradients where there are any.

    The output `attributions` is a FeatureAttributions with `attributions.json` (docs/attributions.md). The component does
    not fail on drift: the artifact must outlive the run (`components.attributions.report.gate_failure` says whether the
    gate holds).

    Args:
      model: Channel of the Model.
      examples: Channel of Examples, untransformed; those of the split `eval` are used.
      evaluation: Channel of the model's ModelEvaluation, which tells where the buckets of slices are cut.
      former: Channel of the FeatureAttributions of the last blessed model, if there are any.
      task: binary, multiclass or regression.
      labels: the label columns.
      metric: whose drop is the importance of a permuted feature.
      higher_is_better: of that metric.
      slices: lists of columns whose values make the slices.
      min_slice_examples: smaller slices are left out.
      settings: how much is measured.
      code: fingerprint of the executor, part of the cache key.
    """

    SPEC_CLASS = AttributionsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        evaluation: types.BaseChannel,
        task: str,
        labels: Sequence[str],
        metric: str,
        higher_is_better: bool,
        slices: Sequence[Sequence[str]],
        min_slice_examples: int,
        settings: Settings,
        code: str,
        former: types.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            spec=AttributionsSpec(
                model=model,
                examples=examples,
                evaluation=evaluation,
                former=former,
                task=task,
                labels=json.dumps(list(labels)),
                metric=metric,
                higher_is_better=int(higher_is_better),
                slices=json.dumps([list(columns) for columns in slices]),
                min_slice_examples=min_slice_examples,
                settings=settings.model_dump_json(),
                code=code,
                attributions=types.Channel(type=FeatureAttributions),
            )
        )
