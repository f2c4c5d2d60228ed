"""`mlpipe predict`: the same answers from a server and from the model itself, and one line for each mistake."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipeline.show_predictions import cell
from tests.end_to_end.project import REPOSITORY, Result, mlpipe
from tests.pipeline.test_import_time import HEAVY, SCRIPT
from tests.serving import models
from tests.serving.process import ServerProcess, free_port, serving

ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def table(folder: Path, offset: float = 0.0) -> Path:
    """size float, rooms int64, town string, each [B] -> price [B, 1], town [B]; -2**31 rooms are missing."""

    def build() -> dict[str, Any]:
        v1 = models.v1
        size = v1.placeholder(tf.float32, [None], name="size")
        rooms = v1.placeholder(tf.int64, [None], name="rooms")
        town = v1.placeholder(tf.string, [None], name="town")
        known = tf.cast(tf.where(tf.equal(rooms, -(2**31)), tf.zeros_like(rooms), rooms), tf.float32)
        price = tf.expand_dims(2 * size + known + offset, 1)
        outputs = {"price": price, "town": tf.strings.upper(town)}
        return {"serving_default": models.signature({"size": size, "rooms": rooms, "town": town}, outputs)}

    return models.save_graph(folder, build)


def images(folder: Path) -> Path:
    """serving_default on pixels, serving_bytes on encoded images: their mean."""

    def build() -> dict[str, Any]:
        v1 = models.v1
        pixels = v1.placeholder(tf.float32, [None, 1, 1, 3], name="pixels")
        encoded = v1.placeholder(tf.string, [None], name="encoded")
        decoded = tf.map_fn(
            lambda one: tf.cast(tf.io.decode_png(one, channels=3), tf.float32),
            encoded,
            fn_output_signature=tf.float32,
        )
        mean = tf.reduce_mean(pixels, [1, 2, 3])
        return {
            "serving_default": models.signature({"pixels": pixels}, {"mean": mean}),
            "serving_bytes": models.signature(
                {"image_bytes": encoded}, {"mean": tf.reduce_mean(decoded, [1, 2, 3])}
            ),
        }

    return models.save_graph(folder, build)


def texts(folder: Path) -> Path:
    """text string [B, 1] -> length int64 [B]."""

    def build() -> dict[str, Any]:
        text = models.v1.placeholder(tf.string, [None, 1], name="text")
        length = tf.cast(tf.strings.length(text[:, 0], "UTF8_CHAR"), tf.int64)
        return {"serving_default": models.signature({"text": text}, {"length": length})}

    return models.save_graph(folder, build)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    table(home / "serving" / "flats" / "1")
    table(home / "serving" / "flats" / "2", offset=1000.0)
    images(home / "serving" / "images" / "1")
    texts(home / "serving" / "texts" / "1")
    models.positive(home / "serving" / "positive" / "1")
    return home


CONFIG = """
model_config_list {{
  config {{
    name: "flats" base_path: "{serving}/flats" model_platform: "tensorflow"
    model_version_policy {{ all {{ }} }}
    version_labels {{ key: "stable" value: 1 }}
  }}
  config {{ name: "images" base_path: "{serving}/images" model_platform: "tensorflow" }}
  config {{ name: "texts" base_path: "{serving}/texts" model_platform: "tensorflow" }}
  config {{ name: "positive" base_path: "{serving}/positive" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerProcess]:
    config = home / "models.config"
    config.write_text(CONFIG.format(serving=home / "serving"))
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models=true")
    with serving(home, *flags) as server:
        yield server


class Ask:
    """`mlpipe predict`, of the server or of the model itself."""

    def __init__(self, home: Path, *way: str) -> None:
        self.home, self.way = home, way

    def __call__(self, *arguments: str) -> Result:
        return mlpipe("predict", *arguments, *self.way, "--home", str(self.home))

    def answers(self, *arguments: str) -> list[Any]:
        result = self(*arguments, "--output", "json")
        assert result.code == 0, result.err
        return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture(params=["rest", "grpc", "local"])
def ask(request: pytest.FixtureRequest, home: Path) -> Ask:
    if request.param == "local":
        return Ask(home, "--local")
    server = request.getfixturevalue("server")
    if request.param == "grpc":
        return Ask(home, "--grpc", "--port", str(server.grpc_port))
    return Ask(home, "--rest-api-port", str(server.rest_port))


def test_json(ask: Ask) -> None:
    given = '{"size": 50.5, "rooms": 3, "town": "größe"}'
    answer = {"price": [1104.0], "town": "GRößE"}
    assert ask.answers("flats", "--json", given) == [answer]
    assert ask.answers("flats", "--json", f"[{given}, {given}]") == [answer, answer]


def test_missing_values(ask: Ask) -> None:
    (answer,) = ask.answers("flats", "--json", '{"size": 50, "rooms": null, "town": null}')
    assert answer == {"price": [1100.0], "town": ""}


def test_a_version(ask: Ask) -> None:
    (answer,) = ask.answers("flats", "--json", '{"size": 1, "rooms": 1, "town": "a"}', "--version", "1")
    assert answer == {"price": [3.0], "town": "A"}


def test_csv(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("town,size,price,rooms\na,10,99,2\nb,20.5,99,\n")
    result = ask("flats", "--csv", str(path))
    assert (result.code, result.err) == (0, f"{path}: left out, as flats takes no price\n")
    assert [line.split() for line in result.out.splitlines()] == [
        ["price", "town"],
        ["1022", "A"],
        ["1041", "B"],
    ]


def test_more_rows_than_a_request_takes(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("town,size,rooms\n" + "".join(f"a,{i},0\n" for i in range(1203)))
    assert [row["price"][0] for row in ask.answers("flats", "--csv", str(path))] == [
        1000.0 + 2 * i for i in range(1203)
    ]


def test_images(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(ONE_PIXEL)
    (expected,) = ask.answers("images", "--json", json.dumps({"pixels": pixels(ONE_PIXEL)}))
    assert ask.answers("images", "--image", str(path), "--image", str(path)) == [expected, expected]
    table = ask("images", "--image", str(path)).out.split()
    assert table == ["image", "mean", str(path), f"{expected['mean']:.6g}"]
    encoded = json.dumps({"b64": base64.b64encode(ONE_PIXEL).decode()})
    assert ask.answers("images", "--json", encoded, "--signature", "serving_bytes") == [expected]


def test_an_image_that_is_none_is_named_among_others(ask: Ask, tmp_path: Path) -> None:
    good, text, cut, empty = (tmp_path / name for name in ("good.png", "text.png", "cut.png", "empty.png"))
    good.write_bytes(ONE_PIXEL)
    text.write_text("hello")
    cut.write_bytes(ONE_PIXEL[:40])
    empty.touch()
    for bad in (text, cut, empty):
        result = ask("images", "--image", str(good), "--image", str(bad), "--image", str(text))
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"mlpipe: --image {bad}: images")
        assert result.err.endswith("; give a whole image, JPEG or PNG\n")
        assert len(result.err.splitlines()) == 1


def pixels(encoded: bytes) -> Any:
    return tf.cast(tf.io.decode_png(encoded, channels=3), tf.float32).numpy().tolist()


def test_texts(ask: Ask) -> None:
    assert ask.answers("texts", "--text", "größe", "--text", "") == [{"length": 5}, {"length": 0}]
    result = ask("texts", "--text", "größe")
    assert result.out.split() == ["text", "length", "größe", "5"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["flats", "--image", "one.png"], "flats takes no image: no signature with a single string input"),
        (["flats", "--json", '{"siez": 1}'], "--json: flats has no input 'siez'; did you mean size?"),
        (
            ["flats", "--json", "{}", "--signature", "nope"],
            "flats has no signature 'nope'; it has serving_default",
        ),
        (["flats"], "give exactly one of --json, --csv, --image and --text"),
        (["flats", "--json", "{}", "--text", "a"], "give exactly one of --json, --csv, --image and --text"),
        (["flats", "--csv", "nowhere.csv"], "--csv nowhere.csv: no such file"),
        (["images", "--image", "nowhere.png"], "--image nowhere.png: no such file"),
        (["images", "--image", "/"], "--image /: is a folder; name its files"),
        (
            ["images", "--csv", __file__],
            "--csv: input pixels of images is float [-1, 1, 1, 3], not one value a row",
        ),
    ],
)
def test_mistakes(arguments: list[str], line: str, ask: Ask) -> None:
    result = ask(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"mlpipe: {line}")
    assert len(result.err.splitlines()) == 1


def test_what_the_model_refuses(ask: Ask) -> None:
    result = ask("positive", "--json", "-1.5")
    assert result.code == 2
    assert "x must not be negative" in result.err
    assert len(result.err.splitlines()) == 1


def test_what_the_server_refuses(home: Path, server: ServerProcess) -> None:
    ask = Ask(home, "--rest-api-port", str(server.rest_port))
    where = f"at http://localhost:{server.rest_port}"
    row = '{"size": 1, "rooms": 1, "town": "a"}'
    assert ask("unknown", "--json", "{}").err == (
        f"mlpipe: unknown {where}: Servable not found for request: Latest(unknown)\n"
    )
    assert ask("flats", "--json", row, "--version", "9").err == (
        f"mlpipe: flats {where}: Servable not found for request: Specific(flats, 9)\n"
    )
    assert ask.answers("flats", "--json", row, "--label", "stable") == [{"price": [3.0], "town": "A"}]
    assert ask("flats", "--json", row, "--label", "x").code == 2
    assert (
        "give --version or --label, not both"
        in ask("flats", "--json", row, "--label", "x", "--version", "1").err
    )
    wrong = ask("flats", "--json", '{"size": "big", "rooms": 1, "town": "a"}')
    assert (wrong.code, 'JSON Value: "big"' in wrong.err) == (2, True)


def test_asking_a_server_imports_no_tensorflow(server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("town,size,rooms\na,10,2\n")
    arguments = ["predict", "flats", "--csv", str(path), "--rest-api-port", str(server.rest_port)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, " ".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "MLPIPE_HOME": str(tmp_path)},
    )
    assert done.stderr == "HEAVY 0\n"
    assert done.stdout.split() == ["price", "town", "1022", "A"]


def test_no_server(home: Path) -> None:
    port = free_port()
    result = Ask(home, "--rest-api-port", str(port))("flats", "--json", "{}")
    assert result.code == 1
    assert result.err.startswith(f"mlpipe: no server answers: http://localhost:{port}: ")
    assert result.err.endswith(
        "; start one with mlpipe serve flats, or ask the model without a server: --local\n"
    )


def test_local_mistakes(home: Path, tmp_path: Path) -> None:
    ask = Ask(home, "--local")
    assert "flats has no version 7 in" in ask("flats", "--json", "{}", "--version", "7").err
    assert "--label is known to a server alone" in ask("flats", "--json", "{}", "--label", "x").err
    wrong = ask(
        "flats", "--json", '[{"size": 1, "rooms": 1, "town": "a"}, {"size": 1, "rooms": 1.5, "town": "a"}]'
    )
    assert (wrong.code, wrong.err) == (2, "mlpipe: input rooms takes int64, got 1.5\n")
    listed = ask("flats", "--json", '{"size": 1, "rooms": 1, "town": ["a"]}')
    assert (listed.code, listed.err) == (2, "mlpipe: input town takes one value of each row, got ['a']\n")
    models.broken(tmp_path / "serving" / "broken" / "1")
    broken = Ask(tmp_path, "--local")("broken", "--json", "{}")
    assert broken.code == 2
    assert "serving/broken/1: cannot be loaded as a SavedModel: " in broken.err
    assert len(broken.err.splitlines()) == 1


def test_the_page_names_every_option() -> None:
    page = (REPOSITORY / "docs" / "serve.md").read_text()
    options = re.findall(r"^  (--[a-z-]+)", mlpipe("predict", "--help").out, flags=re.MULTILINE)
    assert [option for option in options if f"`{option}" not in page] == ["--home", "--help"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456789, "0.123457"),
        ([0.5], "0.5"),
        ([1, 2], "[1, 2]"),
        (list(range(12)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 12 values]"),
        ("text", "text"),
        (b"\xff\x00", "2 bytes"),
        (float("nan"), "nan"),
    ],
)
def test_cells(value: Any, shown: str) -> None:
    assert cell(value) == shown
