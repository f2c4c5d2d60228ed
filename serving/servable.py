"""What the server knows of a loaded model: signatures, and tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef


class Servable(Protocol):
    """One loaded version of a model."""

    signatures: Mapping[str, SignatureDef]
    """Signature name -> definition, as in the model's file: keys are what requests name, `.name` is the tensor."""

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """Feeds and fetches by tensor name (`serving_default_x:0`); the answers in the order of the fetches.

        Blocks; safe to call from several threads at once. Strings are object arrays of bytes.
        Raises ServingError with TensorFlow's own code and message.
        """

    def close(self) -> None:
        """Frees the model's memory. Nothing calls `run` afterwards."""


class Runner(Protocol):
    """How requests reach a servable: directly, or gathered into batches. Lives on the event loop."""

    async def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """As `Servable.run`, without blocking the loop. Cancelled when the client gives up."""

    async def close(self) -> None:
        """Waits for what is queued or running."""
