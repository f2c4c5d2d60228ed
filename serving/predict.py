"""The Predict RPC: tensors in, tensors out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import grpc
import numpy as np
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from serving import inference, tensors
from serving.errors import ServingError, invalid_argument

if TYPE_CHECKING:
    from serving.manager import ModelManager


async def predict(manager: ModelManager, request: PredictRequest) -> PredictResponse:
    """Answers a PredictRequest; the model spec of the answer has name, effective signature and version.

    Raises ServingError with TF Serving's codes and messages.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    signature_name = spec.signature_name or inference.DEFAULT_SIGNATURE
    with manager.use(spec) as served:
        plan = inference.predict_plan(served, signature_name)
        plan.check_inputs(request.inputs)
        if any(tensors.is_slow(proto) for proto in request.inputs.values()):
            inputs = await asyncio.to_thread(_arrays, plan, request)
        else:
            inputs = _arrays(plan, request)
        outputs = await inference.run_plan(served.runner, plan, inputs, request.output_filter)
        response = PredictResponse()
        response.model_spec.name = spec.name
        response.model_spec.signature_name = signature_name
        response.model_spec.version.value = served.version
    if any(array.size > tensors.SLOW_COUNT for array in outputs.values()):
        await asyncio.to_thread(_fill, response, outputs)
    else:
        _fill(response, outputs)
    return response


def _arrays(plan: inference.Plan, request: PredictRequest) -> dict[str, np.ndarray]:
    inputs = {}
    for alias in plan.feeds:
        if alias in request.inputs:
            try:
                inputs[alias] = tensors.from_proto(request.inputs[alias])
            except tensors.BadTensor:
                raise invalid_argument(f"tensor parsing error: {alias}") from None
    return inputs


def _fill(response: PredictResponse, outputs: Mapping[str, np.ndarray]) -> None:
    for alias, array in outputs.items():
        try:
            tensors.fill_proto(array, response.outputs[alias])
        except tensors.BadTensor as error:
            raise ServingError(grpc.StatusCode.INTERNAL, f"output {alias}: {error}") from None
