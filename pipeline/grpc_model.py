"""A model of a running server, over gRPC."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import logs
from pipeline.local_model import array, strings
from pipeline.model_inputs import Row
from pipeline.predict import Target, explained
from serving.client_types import RequestFailed
from serving.grpc_client import GrpcClient


class GrpcModel:
    """Answers as `predict.RemoteModel` does. Raises UserError, or BadInput where the request is at fault."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target
        # The messages of TensorFlow Serving import TensorFlow, which notes what the machine has and lacks.
        with logs.redirected(Path(os.devnull)):
            self._client = GrpcClient(target.address, timeout=target.timeout, attempts=1)
        self._which: dict[str, Any] = {"version": target.version, "label": target.label}
        try:
            self.signatures = self._client.metadata(name, **self._which).signatures
        except RequestFailed as error:
            raise explained(error, name, target) from None

    def predict(self, rows: Sequence[Row], signature: str) -> list[Row]:
        """Output name -> value for each row."""
        inputs = self.signatures[signature].inputs
        columns = {name: array(name, [row[name] for row in rows], tensor) for name, tensor in inputs.items()}
        try:
            answer = self._client.predict(self.name, columns, signature=signature, **self._which)
        except RequestFailed as error:
            raise explained(error, self.name, self._target) from None
        listed = {name: strings(values.tolist()) for name, values in answer.items()}
        return [{name: values[i] for name, values in listed.items()} for i in range(len(rows))]
