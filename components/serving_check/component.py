"""A check of the candidate model on the server that will serve it."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.serving_check.executor import Executor


class ServingCheckSpec(types.ComponentSpec):
    """TFX's channels of an InfraValidator, the schema, and the check's own parameters."""

    PARAMETERS = {
        "model_name": component_spec.ExecutionParameter(type=str),
        "split": component_spec.ExecutionParameter(type=str),
        "requests": component_spec.ExecutionParameter(type=int),
        "tolerance": component_spec.ExecutionParameter(type=float),
        "start_seconds": component_spec.ExecutionParameter(type=float),
        "warmup_requests": component_spec.ExecutionParameter(type=int),
        "max_memory_mb": component_spec.ExecutionParameter(type=float, optional=True),
        "max_p99_ms": component_spec.ExecutionParameter(type=float, optional=True),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}


class ServingCheck(base_component.BaseComponent):
    """Serves the candidate with the embedded model server, and compares the answers with the model's own.

    The InfraBlessing has the form that TFX's InfraValidator gives it (INFRA_BLESSED or INFRA_NOT_BLESSED, the custom
    properties `blessed` and `has_model`, the model with warm-up requests below `stamped_model`), and
    `serving_check.json` beside it. The component itself does not fail on a difference: the artifact must outlive the
    run.

    Args:
      model: Channel of the candidate Model.
      examples: Channel of Examples, untransformed: what the server is asked about.
      model_name: the name under which the model is served.
      split: the split that the examples come from.
      requests: how many examples are asked about, one by one and in one batch.
      tolerance: how far floats may differ, absolute plus relative.
      start_seconds: how long the server may take to be ready.
      warmup_requests: about how many of the requests go into the model for the server to warm up with; 0 for none.
      code: fingerprint of the executor and of the server, part of the cache key.
      schema: Channel of Schema: names the columns that none of those examples has a value in.
      max_memory_mb: bound of the server's largest resident set, in 10^6 bytes.
      max_p99_ms: bound of the 99th percentile of the latency of single rows, for each protocol.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        model_name: str,
        split: str,
        requests: int,
        tolerance: float,
        start_seconds: float,
        warmup_requests: int,
        code: str,
        schema: types.BaseChannel | None = None,
        max_memory_mb: float | None = None,
        max_p99_ms: float | None = None,
    ) -> None:
        super().__init__(
            spec=ServingCheckSpec(
                model=model,
                examples=examples,
                schema=schema,
                model_name=model_name,
                split=split,
                requests=requests,
                tolerance=tolerance,
                start_seconds=start_seconds,
                warmup_requests=warmup_requests,
                max_memory_mb=max_memory_mb,
                max_p99_ms=max_p99_ms,
                code=code,
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
