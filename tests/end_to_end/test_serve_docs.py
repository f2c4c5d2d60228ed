"""docs/serve.md as written: what its commands and its Python answer is what the pushed model answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from serving.client import RestClient
from tests.end_to_end.project import REPOSITORY, mlpipe
from tests.serving.process import free_port

pytestmark = pytest.mark.slow
PAGE = (REPOSITORY / "docs" / "serve.md").read_text()
BIRD: dict[str, Any] = {
    "island": tf.constant(["Dream"]),
    "bill_length_mm": tf.constant([46.5]),
    "bill_depth_mm": tf.constant([17.9]),
    "flipper_length_mm": tf.constant([192], tf.int64),
    "body_mass_g": tf.constant([3500], tf.int64),
    "sex": tf.constant(["female"]),
    "year": tf.constant([2007], tf.int64),
}
STARTS_A_SERVER = "mlpipe serve"


@dataclass
class Served:
    """A project in which penguin has run, on ports of its own in place of the page's."""

    folder: Path
    grpc_port: int
    rest_port: int

    def ported(self, text: str) -> str:
        return text.replace("8500", str(self.grpc_port)).replace("8501", str(self.rest_port))

    def run(self, block: str) -> str:
        """What the shell prints for a block of the page."""
        if "mlpipe predict" in block:
            block = f"{block.rstrip()} --rest-api-port {self.rest_port} --output json"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.ported(block)],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """The server that a command of the page starts."""
        command = f"exec {command.rstrip()} --port {self.grpc_port} --rest-api-port {self.rest_port}"
        with (self.folder / "server.log").open("w") as log:
            process = subprocess.Popen(
                ["bash", "-c", command], cwd=self.folder, env=environment(), stdout=log, stderr=log
            )
        try:
            with RestClient(f"http://localhost:{self.rest_port}", timeout=90, attempts=1000) as client:
                assert {each.state for each in client.status("penguin")} == {"AVAILABLE"}
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0, (self.folder / "server.log").read_text()


def environment() -> dict[str, str]:
    commands = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("docs")
    result = mlpipe("run", "penguin", "--home", str(folder / ".mlpipe"))
    assert result.code == 0, result.err
    return Served(folder, free_port(), free_port())


@pytest.fixture(scope="module")
def own(served: Served) -> np.ndarray:
    """The probabilities that the pushed model gives for the page's bird, [3]."""
    model = tf.saved_model.load(str(served.folder / ".mlpipe" / "serving" / "penguin" / "1"))
    probabilities = model.signatures["serving_default"](**BIRD)["probabilities"].numpy()
    assert probabilities.shape == (1, 3)
    assert probabilities.max() > 0.9
    return np.asarray(probabilities[0])


def probabilities(answer: Any) -> list[float]:
    """Of the first example of an answer in any of the forms: rows, columns, a line of mlpipe predict."""
    for key in ("predictions", "outputs"):
        answer = answer.get(key, answer) if isinstance(answer, dict) else answer
    if isinstance(answer, list):
        (answer,) = answer
    found = answer["probabilities"]
    return list(found[0] if np.ndim(found) == 2 else found)


def test_what_the_page_asks(served: Served, own: np.ndarray) -> None:
    shell = blocks("sh")
    commands = [block for block in shell if block.startswith(STARTS_A_SERVER)]
    asked = [block for block in shell if "penguin:predict" in block or "mlpipe predict penguin" in block]
    with_a_label = [block for block in asked if "--label" in block]
    assert [len(found) for found in (commands, asked, with_a_label)] == [3, 5, 1]

    with served.serving(commands[0]):
        for block in asked:
            if block not in with_a_label:
                answer = json.loads(served.run(block))
                np.testing.assert_allclose(probabilities(answer), own, atol=1e-6, err_msg=block)
        (metrics,) = (block for block in shell if "prometheus" in block)
        assert ':tensorflow:serving:request_count{model_name="penguin",status="OK"} ' in served.run(metrics)

        namespace: dict[str, Any] = {}
        python = blocks("python")
        assert len(python) == 4
        for block in python:
            namespace.pop("answer", None)
            exec(served.ported(block), namespace)
            np.testing.assert_allclose(probabilities(namespace["answer"]), own, atol=1e-6, err_msg=block)

    for block in shell:
        if block.startswith("cat >") and ".config" in block:
            served.run(block)
    (by_label,) = (command for command in commands if "--model-config-file" in command)
    with served.serving(by_label):
        np.testing.assert_allclose(probabilities(json.loads(served.run(with_a_label[0]))), own, atol=1e-6)
    (batched,) = (command for command in commands if "--enable-batching" in command)
    with served.serving(batched):
        answer = json.loads(served.run(asked[1]))
        np.testing.assert_allclose(probabilities(answer), own, atol=1e-6)
