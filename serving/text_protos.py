"""Configuration files in protobuf's text format, and the messages that the wheel of tensorflow-serving-api leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import Message

from serving.errors import ServingError, invalid_argument

M = TypeVar("M", bound=Message)

FIELD = descriptor_pb2.FieldDescriptorProto
INT64 = ".google.protobuf.Int64Value"

# Name, type (or the message's name), repeated: the fields in the order of their numbers.
BATCHING_PARAMETERS = [
    ("max_batch_size", INT64, False),
    ("batch_timeout_micros", INT64, False),
    ("max_enqueued_batches", INT64, False),
    ("num_batch_threads", INT64, False),
    ("thread_pool_name", ".google.protobuf.StringValue", False),
    ("allowed_batch_sizes", FIELD.TYPE_INT64, True),
    ("pad_variable_length_inputs", FIELD.TYPE_BOOL, False),
    ("enable_large_batch_splitting", ".google.protobuf.BoolValue", False),
    ("max_execution_batch_size", INT64, False),
]
PROMETHEUS_CONFIG = [("enable", FIELD.TYPE_BOOL, False), ("path", FIELD.TYPE_STRING, False)]
MONITORING_CONFIG = [("prometheus_config", ".mlpipe.serving.PrometheusConfig", False)]


def _declare() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="mlpipe/serving/text_protos.proto",
        package="mlpipe.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    messages: dict[str, list[tuple[str, Any, bool]]] = {
        "BatchingParameters": BATCHING_PARAMETERS,
        "PrometheusConfig": PROMETHEUS_CONFIG,
        "MonitoringConfig": MONITORING_CONFIG,
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field, kind, repeated) in enumerate(fields, start=1):
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            if isinstance(kind, str):
                message.field.add(
                    name=field, number=number, label=label, type=FIELD.TYPE_MESSAGE, type_name=kind
                )
            else:
                message.field.add(name=field, number=number, label=label, type=kind)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"mlpipe.serving.{name}"))
        for name in messages
    }


_CLASSES = _declare()
BatchingParameters: Any = _CLASSES["BatchingParameters"]
MonitoringConfig: Any = _CLASSES["MonitoringConfig"]


def parse_text_file(path: str | Path, message_class: type[M]) -> M:
    """Reads one message in text format.

    Raises ServingError: NOT_FOUND when the file cannot be read, INVALID_ARGUMENT `Invalid protobuf file: '...'`
    with line, column and reason.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ServingError(grpc.StatusCode.NOT_FOUND, f"{path}; {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise invalid_argument(f"Invalid protobuf file: '{path}': {error}") from None
    name = message_class.DESCRIPTOR.full_name
    try:
        return text_format.Parse(text, message_class())
    except text_format.ParseError as error:
        reason = f"Error parsing text-format {name}: {error}"
        raise invalid_argument(f"Invalid protobuf file: '{path}': {reason}") from None
