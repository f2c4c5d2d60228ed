"""The Classify RPC: tf.Examples in; labels, scores or both out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
    ClassificationResult,
)

from serving.errors import invalid_argument
from serving.examples import CLASSIFY_METHOD, check_method, run_examples, served_signature
from serving.inference import fill_spec
from serving.manager import ModelManager
from serving.plans import Plan, plan_of
from serving.shapes import shown
from serving.tensor_kinds import data_type_name, kind_of

OUTPUTS = ("classes", "scores")


async def classify(manager: ModelManager, request: ClassificationRequest) -> ClassificationResponse:
    """Answers a ClassificationRequest; the model spec of the answer has name, effective signature and version.

    Raises ServingError with TF Serving's codes and messages.
    """
    response = ClassificationResponse()
    with served_signature(manager, request) as (served, name):
        plan = plan_of(served.runner, served.signatures, name)
        fetches = classification_fetches(plan, served.signatures[name])
        outputs, count = await run_examples(served.runner, plan, request.input, fetches)
        fill_spec(response.model_spec, request.model_spec.name, name, served.version)
    fill_classifications(response.result, plan, outputs, count)
    return response


def classification_fetches(plan: Plan, signature: SignatureDef) -> list[str]:
    """The tensors of labels and scores; INVALID_ARGUMENT unless the signature can classify examples."""
    check_method(plan, CLASSIFY_METHOD, "classification")
    if len(plan.feeds) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(plan.fetches) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(plan.fetches)}")
    if "inputs" not in plan.feeds:
        raise invalid_argument(f"No classification inputs found in SignatureDef: {signature}")
    if not plan.fetches.keys() & set(OUTPUTS):
        raise invalid_argument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {signature}"
        )
    return [plan.fetches[alias] for alias in OUTPUTS if alias in plan.fetches]


def fill_classifications(
    result: ClassificationResult, plan: Plan, outputs: Mapping[str, np.ndarray], count: int
) -> None:
    """Writes the outputs, by tensor name and [count, classes] each, as a list of classes per example."""
    classes, scores = (outputs.get(plan.fetches.get(alias, "")) for alias in OUTPUTS)
    if classes is not None:
        _check(classes, "classes", types_pb2.DT_STRING, count)
    if scores is not None:
        _check(scores, "scores", types_pb2.DT_FLOAT, count)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    labels = [[_text(label) for label in row] for row in classes.tolist()] if classes is not None else []
    numbers = scores.tolist() if scores is not None else []
    for index in range(count):
        add = result.classifications.add().classes.add
        if labels and numbers:
            for label, score in zip(labels[index], numbers[index], strict=True):
                add(label=label, score=score)
        elif labels:
            for label in labels[index]:
                add(label=label)
        else:
            for score in numbers[index]:
                add(score=score)


def _check(tensor: np.ndarray, name: str, dtype: int, count: int) -> None:
    if tensor.ndim != 2:
        raise invalid_argument(
            f"Expected Tensor shape: [batch_size num_classes] but got {shown(tensor.shape)}"
        )
    sent = kind_of(tensor).enum
    if sent != dtype:
        raise invalid_argument(
            f"Expected {name} Tensor of {data_type_name(dtype)}. Got: {data_type_name(sent)}"
        )
    if len(tensor) != count:
        raise invalid_argument(f"Expected {name} output batch size of {count}. Got: {len(tensor)}")


def _text(label: bytes | str) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else label
