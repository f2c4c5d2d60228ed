"""What Classify, Regress and MultiInference share: tf.Examples in, one run of their signature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from serving.errors import invalid_argument
from serving.inference import DEFAULT_SIGNATURE, method_names_are_checked
from serving.manager import ModelManager
from serving.plans import Plan
from serving.servable import Runner
from serving.versions import Served

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"


def example_count(examples: Input) -> int:
    """How many examples the request holds."""
    kind = examples.WhichOneof("kind")
    return len(getattr(examples, kind).examples) if kind else 0


def serialized_examples(examples: Input) -> np.ndarray:
    """The examples as bytes, shape [n]; a context goes before each, so that the example's own features win.

    Raises INVALID_ARGUMENT when there are none.
    """
    count = example_count(examples)
    if not count:
        raise invalid_argument("Input is empty.")
    listed = getattr(examples, examples.WhichOneof("kind"))
    context = listed.context.SerializeToString() if examples.HasField("example_list_with_context") else b""
    tensor = np.empty(count, object)
    tensor[:] = [context + example.SerializeToString() for example in listed.examples]
    return tensor


@contextmanager
def served_signature(
    manager: ModelManager, request: ClassificationRequest | RegressionRequest
) -> Iterator[tuple[Served, str]]:
    """The served version and effective signature name that a request asks for, held as long as it runs."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    with manager.use(request.model_spec) as served:
        if name not in served.signatures:
            raise invalid_argument(f"No signature was found with the name: {name}")
        yield served, name


def check_method(plan: Plan, method: str, what: str) -> None:
    """Raises INVALID_ARGUMENT when method names are checked and this is another one."""
    if method_names_are_checked() and plan.method_name != method:
        raise invalid_argument(
            f"Expected {what} signature method_name to be {method}. Was: {plan.method_name}"
        )


async def run_examples(
    runner: Runner, plan: Plan, examples: Input, fetches: Sequence[str]
) -> tuple[dict[str, np.ndarray], int]:
    """Runs examples through the plan's input `inputs`; the fetches by tensor name, and the number of examples."""
    inputs = serialized_examples(examples)
    answers = await runner.run(plan.feeds_of({"inputs": inputs}), fetches)
    return dict(zip(fetches, answers, strict=True)), len(inputs)
