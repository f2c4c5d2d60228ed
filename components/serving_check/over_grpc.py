"""Questions to the server over gRPC."""

from __future__ import annotations

import numpy as np

from components.serving_check.answers import Answer
from components.serving_check.questions import Question
from components.serving_check.signatures import CLASSIFY, REGRESS
from serving.client import GrpcClient


def ask(client: GrpcClient, model: str, question: Question, own: Answer) -> Answer:
    """The served outputs, as `own_answers` gives the model's own. Raises RequestFailed."""
    name = question.signature
    if question.method == REGRESS:
        values = client.regress(model, question.examples, signature=name)
        return {output: np.array(values, array.dtype) for output, array in own.items()}
    if question.method == CLASSIFY:
        found = client.classify(model, question.examples, signature=name)
        parts = {
            "classes": [[label.encode() for label, _ in row] for row in found],
            "scores": [[score for _, score in row] for row in found],
        }
        return {output: np.array(parts[output], array.dtype) for output, array in own.items()}
    return client.predict(model, question.inputs, signature=name)
