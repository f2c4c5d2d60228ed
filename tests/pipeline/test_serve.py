"""`mlpipe serve`: what it says, what it serves, and how it ends."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipeline import example_row
from pipeline.home import Home
from serving.client import RequestFailed, RestClient
from serving.client_types import Tensor
from serving.options import ServerOptions
from tests.end_to_end.project import REPOSITORY, mlpipe
from tests.serving import models
from tests.serving.process import free_port

SECONDS = 60


def write_examples(home: Home, pipeline: str, *examples: dict[str, Any]) -> None:
    """What ExampleGen writes; a feature that is None is missing."""
    folder = home.pipeline_root(pipeline) / "ExampleGen" / "examples" / "1" / "Split-eval"
    folder.mkdir(parents=True)
    path = str(folder / "data_tfrecord-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for features in examples:
            example = tf.train.Example()
            for name, value in features.items():
                feature = example.features.feature[name]
                if isinstance(value, float):
                    feature.float_list.value.append(value)
                elif isinstance(value, int):
                    feature.int64_list.value.append(value)
                elif value is not None:
                    feature.bytes_list.value.append(value.encode())
            writer.write(example.SerializeToString())


@dataclass
class Serve:
    """The command as a process of its own."""

    process: subprocess.Popen[str]
    port: int
    rest_port: int
    out: Path

    def lines(self, count: int) -> list[str]:
        """The first lines of its output, once there are so many."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            lines = self.out.read_text().splitlines()
            if len(lines) >= count:
                return lines
            assert self.process.poll() is None, self.out.with_suffix(".err").read_text()
            time.sleep(0.1)
        raise AssertionError(self.out.with_suffix(".err").read_text())


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    """Starts the command; what still runs in the end is killed."""
    started: list[Serve] = []

    def start(*arguments: str) -> Serve:
        out = tmp_path / f"serve-{len(started)}.out"
        port, rest_port = free_port(), free_port()
        command = [
            sys.executable,
            "-m",
            "pipeline.cli",
            "serve",
            *arguments,
            "--home",
            str(tmp_path / "home"),
        ]
        command += ["--port", str(port), "--rest-api-port", str(rest_port)]
        with out.open("w") as stdout, out.with_suffix(".err").open("w") as stderr:
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True, cwd=REPOSITORY)
        started.append(Serve(process, port, rest_port, out))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def curl(line: str) -> Any:
    """What a printed `curl -d ... URL` answers."""
    program, option, body, url = shlex.split(line)
    assert (program, option) == ("curl", "-d")
    with urllib.request.urlopen(url, data=body.encode()) as response:
        return json.load(response)


def test_one_pipeline(serve: Any, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    models.half_plus_two_tf2(home.serving("half") / "1")
    write_examples(home, "half", {"x": None, "y": 1.0}, {"x": 0.1, "y": 2.0})
    server = serve("half")
    first, listening, _, what, question = server.lines(5)
    assert first == "loading half"
    assert listening == (
        f"serving: REST http://localhost:{server.rest_port}, gRPC localhost:{server.port}; Ctrl-C ends it"
    )
    assert what == f"half: version 1 of {home.serving('half')}"
    url = f"http://localhost:{server.rest_port}/v1/models/half:predict"
    assert question == f"""curl -d '{{"instances": [{{"x": 0.1}}]}}' {url}"""
    assert curl(question) == {"predictions": [2.05]}

    models.half_plus_two_tf2(tmp_path / "2", offset=3.0)
    (tmp_path / "2").rename(home.serving("half") / "2")
    end = time.monotonic() + SECONDS
    while curl(question) != {"predictions": [3.05]}:
        assert time.monotonic() < end, "the new push is not served"
        time.sleep(0.2)

    taken = mlpipe("serve", "half", "--home", str(home.root), "--port", str(server.port))
    assert (taken.code, taken.err) == (
        2,
        f"mlpipe: --port {server.port}: another process listens there; end it, or give another port\n",
    )
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(SECONDS) == 0


def test_all_pipelines_and_the_servers_flags(serve: Any, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for number in ("1", "2", "3"):
        models.half_plus_two(home.serving("half") / number)
    models.broken(home.serving("wrong") / "4")
    batching = tmp_path / "batching.config"
    batching.write_text("max_batch_size { value: 8 }")
    server = serve(
        "--versions", "2", "--enable-batching", "--batching-parameters-file", str(batching),
        "--max-num-load-retries", "0", "--no-access-log",
    )  # fmt: skip
    lines = server.lines(5)
    assert lines[0] == "loading half, wrong"
    assert f"half: version 2, 3 of {home.serving('half')}" in lines
    assert f"curl http://localhost:{server.rest_port}/v1/models/half/metadata" in lines
    lines = server.lines(7)
    assert lines[-1].startswith("wrong: no version is available: ")
    with RestClient(f"http://localhost:{server.rest_port}") as client:
        assert client.predict_rows("half", [[1.0]] * 8) == [[2.5]] * 8
        with pytest.raises(RequestFailed, match="Task size 9 is larger than maximum input batch size 8"):
            client.predict_rows("half", [[1.0]] * 9)
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["taxi"], "taxi has pushed no model yet: first mlpipe run taxi"),
        ([], "nothing was pushed in home yet: first run a pipeline: mlpipe run P"),
        (
            ["half", "--model-config-file", "x"],
            "--model-config-file names the models itself: give it, or pipelines",
        ),
    ],
)
def test_nothing_to_serve(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mlpipe("serve", *arguments, "--home", "home")
    assert (result.code, result.err) == (2, f"mlpipe: {line}\n")


def test_flags_that_do_not_fit(tmp_path: Path) -> None:
    models.half_plus_two(Home(tmp_path).serving("half") / "1")
    wrong = mlpipe("serve", "--home", str(tmp_path), "--batching-parameters-file", "b.config")
    assert (wrong.code, wrong.err) == (2, "mlpipe: --batching-parameters-file needs --enable-batching\n")
    same = mlpipe("serve", "--home", str(tmp_path), "--port", "8501")
    assert same.err == "mlpipe: --port and --rest-api-port are both 8501: give each its own\n"


def test_where_it_cannot_listen(tmp_path: Path) -> None:
    home = Home(tmp_path)
    models.half_plus_two(home.serving("half") / "1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = mlpipe("serve", "--home", str(tmp_path), "--port", "0", "--rest-api-port", str(port))
    assert (result.code, result.err) == (
        2,
        f"mlpipe: --rest-api-port {port}: another process listens there; end it, or give another port\n",
    )
    away = mlpipe("serve", "--home", str(tmp_path), "--host", "203.0.113.7")
    assert away.code == 2
    assert away.err.startswith("mlpipe: --host 203.0.113.7: ")


INPUTS = {
    "x": Tensor("DT_FLOAT", (-1, 1)),
    "n": Tensor("DT_INT64", (-1,)),
    "class_": Tensor("DT_STRING", (-1,)),
}


def test_an_example_with_every_value(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert example_row.find(home, "p", INPUTS) is None
    write_examples(
        home,
        "p",
        {"x": 0.1, "n": None, "class": "a", "label": "yes"},
        {"x": 0.2, "n": 3, "class": "b's", "label": "no"},
    )
    assert example_row.find(home, "p", INPUTS) == {"class_": "b's", "n": 3, "x": [0.2]}
    assert example_row.find(home, "p", {**INPUTS, "other": INPUTS["x"]}) is None
    assert example_row.find(home, "p", {"pixels": Tensor("DT_FLOAT", (-1, 28, 28))}) is None


def test_each_flag_of_the_server_is_an_option() -> None:
    shown = mlpipe("serve", "--help").out
    flags = {field.name for field in fields(ServerOptions)} - {"model_name", "model_base_path"}
    assert [flag for flag in sorted(flags) if f"--{flag.replace('_', '-')} " not in shown] == []
