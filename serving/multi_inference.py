"""The MultiInference RPC: several signatures of one model over the same tf.Examples, in one run."""

from __future__ import annotations

import grpc
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.inference_pb2 import (
    InferenceTask,
    MultiInferenceRequest,
    MultiInferenceResponse,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.classify import classification_fetches, fill_classifications
from serving.errors import ServingError, invalid_argument
from serving.examples import CLASSIFY_METHOD, REGRESS_METHOD, run_examples
from serving.inference import DEFAULT_SIGNATURE, fill_spec
from serving.manager import ModelManager
from serving.plans import Plan, plan_of
from serving.regress import fill_regressions, regression_fetches
from serving.versions import Served


async def multi_inference(manager: ModelManager, request: MultiInferenceRequest) -> MultiInferenceResponse:
    """Answers a MultiInferenceRequest, a result per task in their order; the first task names the version.

    Raises ServingError with TF Serving's codes and messages.
    """
    spec = request.tasks[0].model_spec if request.tasks else ModelSpec()
    response = MultiInferenceResponse()
    with manager.use(spec) as served:
        plans, fetches = _plans(served, request)
        first = plans[request.tasks[0].model_spec.signature_name or DEFAULT_SIGNATURE]
        outputs, count = await run_examples(served.runner, first, request.input, fetches)
    for task, (name, plan) in zip(request.tasks, plans.items(), strict=True):
        result = response.results.add()
        fill_spec(result.model_spec, task.model_spec.name, name, served.version)
        if task.method_name == CLASSIFY_METHOD:
            fill_classifications(result.classification_result, plan, outputs, count)
        else:
            fill_regressions(result.regression_result, plan, outputs, count)
    return response


def _plans(served: Served, request: MultiInferenceRequest) -> tuple[dict[str, Plan], list[str]]:
    """The plan of each task's signature, and all tensors to fetch, once every task is known to be sound."""
    plans: dict[str, Plan] = {}
    fetches: set[str] = set()
    model = request.tasks[0].model_spec.name if request.tasks else ""
    for task in request.tasks:
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != model:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in plans:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        if name not in served.signatures:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        plan = plan_of(served.runner, served.signatures, name)
        fetches.update(_fetches(task, plan, served.signatures[name]))
        plans[name] = plan
        if plan.feeds != next(iter(plans.values())).feeds:
            raise invalid_argument("Input tensor must be the same for all Signatures.")
    return plans, sorted(fetches)


def _fetches(task: InferenceTask, plan: Plan, signature: SignatureDef) -> list[str]:
    if task.method_name == CLASSIFY_METHOD:
        return classification_fetches(plan, signature)
    if task.method_name == REGRESS_METHOD:
        return regression_fetches(plan, signature)
    raise ServingError(
        grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
    )
