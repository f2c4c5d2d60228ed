"""The Predict RPC: tensors in, tensors out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import grpc
import numpy as np
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from serving import tensors
from serving.errors import ServingError, invalid_argument
from serving.inference import DEFAULT_SIGNATURE, fill_spec, predict_plan, run_plan
from serving.manager import ModelManager
from serving.plans import Plan, array_of
from serving.tensor_kinds import BadTensor


async def predict(
    manager: ModelManager, request: PredictRequest, *, as_content: bool = False
) -> PredictResponse:
    """Answers a PredictRequest; the model spec of the answer has name, effective signature and version.

    The tensors of the answer are in their `*_val` fields or, `as_content`, in `tensor_content`.
    Raises ServingError with TF Serving's codes and messages.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    response = PredictResponse()
    with manager.use(request.model_spec) as served:
        fill_spec(response.model_spec, request.model_spec.name, signature_name, served.version)
        plan = predict_plan(served, signature_name)
        plan.check_inputs(request.inputs)
        if any(tensors.is_slow(proto) for proto in request.inputs.values()):
            inputs = await asyncio.to_thread(_arrays, plan, request)
        else:
            inputs = _arrays(plan, request)
        outputs = await run_plan(served.runner, plan, inputs, request.output_filter)
    if any(tensors.is_slow_to_fill(array) for array in outputs.values()):
        await asyncio.to_thread(_fill, response, outputs, as_content)
    else:
        _fill(response, outputs, as_content)
    return response


def _arrays(plan: Plan, request: PredictRequest) -> dict[str, np.ndarray]:
    sent = request.inputs
    return {alias: array_of(alias, sent[alias]) for alias in plan.feeds if alias in sent}


def _fill(response: PredictResponse, outputs: Mapping[str, np.ndarray], as_content: bool) -> None:
    fill = tensors.fill_content if as_content else tensors.fill_proto
    for alias, array in outputs.items():
        try:
            fill(array, response.outputs[alias])
        except BadTensor as error:
            raise ServingError(grpc.StatusCode.INTERNAL, f"output {alias}: {error}") from None
