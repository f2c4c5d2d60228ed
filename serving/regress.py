"""The Regress RPC: tf.Examples in, a number for each out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse, RegressionResult

from serving.errors import invalid_argument
from serving.examples import REGRESS_METHOD, check_method, run_examples, served_signature
from serving.inference import fill_spec
from serving.manager import ModelManager
from serving.plans import Plan, plan_of
from serving.shapes import shown
from serving.tensor_kinds import data_type_name, kind_of


async def regress(manager: ModelManager, request: RegressionRequest) -> RegressionResponse:
    """Answers a RegressionRequest; the model spec of the answer has name, effective signature and version.

    Raises ServingError with TF Serving's codes and messages.
    """
    response = RegressionResponse()
    with served_signature(manager, request) as (served, name):
        plan = plan_of(served.runner, served.signatures, name)
        fetches = regression_fetches(plan, served.signatures[name])
        outputs, count = await run_examples(served.runner, plan, request.input, fetches)
        fill_spec(response.model_spec, request.model_spec.name, name, served.version)
    fill_regressions(response.result, plan, outputs, count)
    return response


def regression_fetches(plan: Plan, signature: SignatureDef) -> list[str]:
    """The tensor of the values, alone; INVALID_ARGUMENT unless the signature can regress examples."""
    check_method(plan, REGRESS_METHOD, "regression")
    if len(plan.feeds) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(plan.fetches) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if "inputs" not in plan.feeds:
        raise invalid_argument(f"No regression inputs found in SignatureDef: {signature}")
    if "outputs" not in plan.fetches:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {signature}")
    return [plan.fetches["outputs"]]


def fill_regressions(
    result: RegressionResult, plan: Plan, outputs: Mapping[str, np.ndarray], count: int
) -> None:
    """Writes the output, float32 [count] or [count, 1] by tensor name, as a value per example."""
    output = outputs[plan.fetches["outputs"]]
    if not (output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {shown(output.shape)}"
        )
    if len(output) != count:
        raise invalid_argument(f"Input batch size did not match output batch size: {count} vs. {len(output)}")
    sent = kind_of(output).enum
    if sent != types_pb2.DT_FLOAT:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {data_type_name(sent)}")
    add = result.regressions.add
    for value in output.ravel().tolist():
        add(value=value)
