"""Requests that a server replays before it serves a version (assets.extra/tf_serving_warmup_requests)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import input_pb2, model_pb2, prediction_log_pb2
from tfx.utils import path_utils

from components.serving_check.feeding import Feed
from components.serving_check.questions import Question, single_rows
from components.serving_check.recorded import Recorded
from components.serving_check.signatures import CLASSIFY, REGRESS

MOST = 1000
"""TF Serving loads no model with more records."""


def write(saved_model: Path, name: str, feeds: Mapping[str, Feed], count: int, in_model: Recorded) -> None:
    """Adds about `count` requests of single rows for the model `name`, the same number for every signature.

    Signatures that requests in the model ask already get no more. One whose input is only guessed gets none: a request
    that fails keeps TF Serving from loading the model.
    """
    sure = {
        signature: feed
        for signature, feed in feeds.items()
        if not feed.guessed and signature not in in_model.signatures
    }
    asked = [single_rows(signature, feed, feed.count) for signature, feed in sure.items()]
    # In turns, so that a small count still warms every signature.
    in_turns = [row[i] for i in range(max(map(len, asked), default=0)) for row in asked if i < len(row)]
    path = Path(path_utils.warmup_file_path(str(saved_model)))
    path.parent.mkdir(exist_ok=True)
    # The file may be a link to that of the candidate.
    path.unlink(missing_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in in_model.records:
            writer.write(record)
        for question in in_turns[: min(count, max(0, MOST - len(in_model.records)))]:
            writer.write(_log(name, question).SerializeToString())


def _log(model: str, question: Question) -> prediction_log_pb2.PredictionLog:
    spec = model_pb2.ModelSpec(name=model, signature_name=question.signature)
    log = prediction_log_pb2.PredictionLog()
    if question.method == CLASSIFY:
        request = log.classify_log.request
        request.input.CopyFrom(_examples(question))
    elif question.method == REGRESS:
        request = log.regress_log.request
        request.input.CopyFrom(_examples(question))
    else:
        request = log.predict_log.request
        for name, values in question.inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    request.model_spec.CopyFrom(spec)
    return log


def _examples(question: Question) -> input_pb2.Input:
    (serialized,) = question.inputs.values()
    examples = [tf.train.Example.FromString(example) for example in serialized]
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
