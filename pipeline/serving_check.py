"""The node ServingCheck: our own component, or TFX's InfraValidator in its place."""

from __future__ import annotations

from tfx import types
from tfx.components import InfraValidator
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import infra_validator_pb2

from components.serving_check.component import ServingCheck
from pipeline import fingerprint, sections
from pipeline.sections import Config

SPLIT = "eval"
EXAMPLES_SIGNATURE = "serving_examples"
CODE = ("components.serving_check.executor", "serving.server")


def component(
    config: Config, model: types.BaseChannel, examples: types.BaseChannel, schema: types.BaseChannel
) -> BaseComponent:
    """The check that a configuration asks for, without an id; its output `blessing` is an InfraBlessing."""
    section = config.serving_check
    if section.with_ == "infra_validator":
        return InfraValidator(
            model=model,
            examples=examples,
            serving_spec=_serving_spec(config.name, section.infra_validator),
            request_spec=infra_validator_pb2.RequestSpec(
                tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(
                    signature_names=[EXAMPLES_SIGNATURE]
                ),
                split_name=SPLIT,
                num_examples=section.requests,
                make_warmup=section.warmup_requests > 0,
            ),
            validation_spec=infra_validator_pb2.ValidationSpec(
                max_loading_time_seconds=round(section.start_seconds),
                num_tries=section.infra_validator.tries,
            ),
        )
    return ServingCheck(
        model=model,
        examples=examples,
        schema=schema,
        model_name=config.name,
        split=SPLIT,
        requests=section.requests,
        tolerance=section.tolerance,
        start_seconds=section.start_seconds,
        warmup_requests=section.warmup_requests,
        max_memory_mb=section.max_memory_mb,
        max_p99_ms=section.max_p99_ms,
        code=fingerprint.of_values(*(fingerprint.of_module(module) for module in CODE)),
    )


def _serving_spec(model_name: str, section: sections.InfraValidator) -> infra_validator_pb2.ServingSpec:
    spec = infra_validator_pb2.ServingSpec(
        tensorflow_serving=infra_validator_pb2.TensorFlowServing(image_name=section.image, tags=section.tags),
        model_name=model_name,
    )
    if section.platform == "docker":
        spec.local_docker.client_base_url = section.docker_host or ""
        spec.local_docker.SetInParent()
    else:
        spec.kubernetes.service_account_name = section.service_account or ""
        spec.kubernetes.SetInParent()
    return spec
