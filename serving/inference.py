"""One run of a signature: arrays by name in, arrays by name out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
import numpy as np
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.errors import ServingError, failed_precondition
from serving.plans import Plan, plan_of
from serving.servable import Runner
from serving.versions import Served

DEFAULT_SIGNATURE = "serving_default"
METHODS = ("tensorflow/serving/predict", "tensorflow/serving/classify", "tensorflow/serving/regress")

_method_name_check = False


def check_method_names(check: bool) -> None:
    """Whether a signature answers only the API that its method name says (off, as in TF Serving)."""
    global _method_name_check
    _method_name_check = check


def method_names_are_checked() -> bool:
    """What `check_method_names` was last told."""
    return _method_name_check


def predict_plan(served: Served, signature_name: str) -> Plan:
    """The plan of a Predict; FAILED_PRECONDITION when the model has no such signature."""
    name = signature_name or DEFAULT_SIGNATURE
    signatures = served.signatures
    if name not in signatures:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    plan = plan_of(served.runner, signatures, name)
    if _method_name_check and plan.method_name not in METHODS:
        raise ServingError(
            grpc.StatusCode.INTERNAL,
            f"Expected prediction signature method_name to be one of {{{', '.join(METHODS)}}}. "
            f"Was: {plan.method_name}",
        )
    return plan


async def predict_arrays(
    served: Served,
    signature_name: str,
    inputs: Mapping[str, np.ndarray],
    output_filter: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Runs one signature ("" is `serving_default`) on arrays by input name; the answers by output name.

    Strings are object arrays of bytes, in and out. Shapes are the servable's business. Outputs come in the
    order of the filter, or of their names. Raises ServingError with TF Serving's codes and messages.
    """
    plan = predict_plan(served, signature_name)
    plan.check_inputs(inputs)
    return await run_plan(served.runner, plan, inputs, output_filter)


async def run_plan(
    runner: Runner, plan: Plan, inputs: Mapping[str, np.ndarray], output_filter: Sequence[str]
) -> dict[str, np.ndarray]:
    """The run itself, once the names of the inputs have been checked."""
    chosen = plan.chosen(output_filter)
    answers = await runner.run(plan.feeds_of(inputs), list(chosen.values()))
    if len(answers) != len(chosen):
        raise ServingError(grpc.StatusCode.UNKNOWN, "Predict internal error")
    return dict(zip(chosen, answers, strict=True))


def fill_spec(spec: ModelSpec, name: str, signature_name: str, version: int) -> None:
    """Writes the model spec that an answer carries."""
    spec.name = name
    spec.signature_name = signature_name
    spec.version.value = version
