"""TensorFlow's errors as the server's."""

from __future__ import annotations

import grpc
import tensorflow as tf

from serving.errors import ServingError

# gRPC took its codes over from the same list as TensorFlow.
CODES = {code.value[0]: code for code in grpc.StatusCode}


def from_tensorflow(error: tf.errors.OpError) -> ServingError:
    """The same code and message; no trace of Python."""
    return ServingError(CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message)
