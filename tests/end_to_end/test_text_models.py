"""One server for a classifier, a language model and a translator: every way of asking gives the pushed model's answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.reviews import COMMITTED
from pipeline.generate import PIECE
from serving.client import GrpcClient, RestClient
from tests.end_to_end.project import REPOSITORY, Result, mlpipe
from tests.serving.process import free_port

pytestmark = pytest.mark.slow
CLASSIFIER, WRITER, TRANSLATOR = "reviews_small", "bible_char_rnn", "few_dates"
DATES = f"""\
name: {TRANSLATOR}
task: translation
label: target
data: {{text: parallel, loader: "data.dates:write", loader_args: {{rows: 600}}}}
trainer:
  module: trainer_modules.sequence_to_sequence
  features:
    source_tokenizer: {{kind: characters}}
    target_tokenizer: {{kind: characters}}
  model: {{units: 16, max_source: 40, max_target: 12}}
  training: {{epochs: 1, samples: 4}}
evaluation:
  gates: [{{metric: perplexity, upper: 100}}]
"""
QUICK = {
    CLASSIFIER: ("trainer.training.epochs=3", "evaluation.gates=[{metric: accuracy, lower: 0.4}]"),
    WRITER: (
        "data.path=book.txt",
        "data.window=200",
        "trainer.model.units=32",
        "trainer.training.epochs=3",
        "trainer.training.batch_size=16",
        "evaluation.gates=[{metric: perplexity, upper: 60}]",
    ),
    f"{TRANSLATOR}.yaml": (),
}
REVIEWS = ("A lovely film!", "", "¿Qué? dull, dull, dull 🙂")


class Served:
    """A home with three pushed models, and the ports of the server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.grpc_port, self.rest_port = free_port(), free_port()
        self.ways = {
            "local": ("--local",),
            "rest": ("--rest-api-port", str(self.rest_port)),
            "grpc": ("--grpc", "--port", str(self.grpc_port)),
        }

    def command(self, *arguments: str) -> Result:
        return mlpipe(*arguments, "--home", str(self.home))

    def lines(self, *arguments: str) -> list[Any]:
        """What a command answers, a JSON object a line."""
        result = self.command(*arguments)
        assert result.code == 0, result.err
        return [json.loads(line) for line in result.out.splitlines()]

    def every_way(self, *arguments: str) -> dict[str, list[Any]]:
        return {name: self.lines(*arguments, *way) for name, way in self.ways.items()}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("texts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(served.folder)
        rows = COMMITTED.read_text(encoding="utf-8").splitlines()[1:]
        Path("book.txt").write_text("\n".join(rows[:600]) + "\n", encoding="utf-8")
        Path(f"{TRANSLATOR}.yaml").write_text(DATES)
        for name, settings in QUICK.items():
            result = served.command("run", name, *(part for s in settings for part in ("--set", s)))
            assert result.code == 0, result.err
    flags = ["--port", str(served.grpc_port), "--rest-api-port", str(served.rest_port)]
    command = [sys.executable, "-m", "pipeline.cli", "serve", CLASSIFIER, WRITER, TRANSLATOR, *flags]
    with (served.folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--home", str(served.home)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=log,
            stderr=log,
        )
    try:
        with RestClient(f"http://localhost:{served.rest_port}", timeout=90, attempts=1000) as client:
            for name in (CLASSIFIER, WRITER, TRANSLATOR):
                assert {each.state for each in client.status(name)} == {"AVAILABLE"}
        yield served
    finally:
        server.terminate()
        assert server.wait(60) == 0, (served.folder / "server.log").read_text()


def test_classes_of_texts(served: Served) -> None:
    asked = [part for text in REVIEWS for part in ("--text", text)]
    found = served.every_way("predict", CLASSIFIER, *asked, "--output", "json")
    for answers in found.values():
        assert [row["label"] for row in answers] == [row["label"] for row in found["local"]]
        assert {row["label"] for row in answers} <= {"negative", "positive"}
    assert_close(found, "probability")
    shown = served.command("predict", CLASSIFIER, *asked[:2], *served.ways["grpc"]).out
    assert shown.split()[:3] == ["text", "label", "probability"]


def test_a_text_goes_on(served: Served) -> None:
    asked = (
        "generate",
        WRITER,
        "--prompt",
        "In the",
        "--length",
        "60",
        "--seed",
        "3",
        "--temperature",
        "0.7",
    )
    whole = served.every_way(*asked, "--json")
    (text,) = {rows[0]["text"] for rows in whole.values()}
    assert text.startswith("In the")
    assert len(text) == len("In the") + 60
    assert_close(whole, "log_likelihood")
    for way in served.ways.values():
        pieces = served.lines(*asked, "--json", "--stream", *way)
        assert [piece["tokens"] for piece in pieces] == [PIECE] * 7 + [4]
        assert "In the" + "".join(piece["continuation"] for piece in pieces) == text
        assert served.command(*asked, "--stream", *way).out == text + "\n"


def test_how_probable_a_text_is(served: Served) -> None:
    found = served.every_way("predict", WRITER, "--text", "The film", "--text", "fi", "--output", "json")
    assert [row["tokens"] for row in found["rest"]] == [8, 2]
    assert_close(found, "log_likelihood")


def test_translations(served: Served) -> None:
    question = np.array([b"3 May 2001", b""], object)
    with GrpcClient(f"localhost:{served.grpc_port}") as client:
        over_grpc = client.predict(TRANSLATOR, {"source": question}, signature="serving_default")
    with RestClient(f"http://localhost:{served.rest_port}") as client:
        over_rest = client.predict_rows(TRANSLATOR, [{"source": "3 May 2001"}, {"source": ""}])
    own = served.lines(
        "predict", TRANSLATOR, "--text", "3 May 2001", "--text", "", "--output", "json", "--local"
    )
    translations = [row["translation"] for row in own]
    assert [row["translation"] for row in over_rest] == translations
    assert [text.decode() for text in over_grpc["translation"]] == translations


def assert_close(found: dict[str, list[Any]], name: str) -> None:
    """Every way answers what the local model does, to 1e-5."""
    expected = [row[name] for row in found["local"]]
    for answers in found.values():
        np.testing.assert_allclose([row[name] for row in answers], expected, rtol=1e-5, atol=1e-5)
