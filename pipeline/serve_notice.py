"""Tells, once a server answers, where it listens and how to ask it."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Mapping, Sequence

from pipeline.home import Home
from pipeline.served import Served
from pipeline.wording import display
from serving.client_types import RequestFailed, Signature
from serving.rest_client import RestClient

POLL_SECONDS = 0.2


def announce_when_ready(home: Home, models: Sequence[Served], address: str, grpc_address: str) -> None:
    """Waits in a thread of its own until the REST API at `address` answers, then prints."""

    def announce() -> None:
        with RestClient(address, attempts=1, timeout=10) as client:
            while not _answers(client, models[0].name):
                time.sleep(POLL_SECONDS)
            also = f", gRPC {grpc_address}" if grpc_address else ""
            print(f"serving: REST {address}{also}; Ctrl-C ends it", flush=True)
            for model in models:
                print("\n".join(["", *about(home, client, model)]), flush=True)

    threading.Thread(target=announce, name="serve-notice", daemon=True).start()


def about(home: Home, client: RestClient, model: Served) -> list[str]:
    """A model's versions that answer, and first questions to it."""
    try:
        states = client.status(model.name)
        available = sorted(each.version for each in states if each.state == "AVAILABLE")
        if not available:
            why = next((each.message for each in states if each.message), "not loaded")
            return [f"{model.name}: no version is available: {' '.join(why.split())}"]
        signatures = client.metadata(model.name).signatures
    except RequestFailed as error:
        return [f"{model.name}: {error}"]
    versions = ", ".join(map(str, available))
    head = f"{model.name}: version {versions} of {display(model.folder)}"
    return [head, *first_questions(home, model.name, client.address, signatures)]


def first_questions(home: Home, name: str, address: str, signatures: Mapping[str, Signature]) -> list[str]:
    """Commands to paste, with a real row where the pipeline's examples are at hand."""
    # TensorFlow's protobufs: loaded by the server by now.
    from pipeline import example_row, model_inputs

    default = signatures.get(model_inputs.DEFAULT_SIGNATURE)
    row = example_row.find(home, name, default.inputs) if default else None
    url = f"{address}/v1/models/{name}"
    if row is not None:
        body = json.dumps({"instances": [row]}, ensure_ascii=False)
        return [f"curl -d {shlex.quote(body)} {url}:predict"]
    if model_inputs.BYTES_SIGNATURE in signatures:
        return [f"mlpipe predict {name} --image FILE.png"]
    return [f"curl {url}/metadata"]


def _answers(client: RestClient, model: str) -> bool:
    try:
        client.status(model)
    except RequestFailed:
        return False
    return True
