"""`mlpipe translate`: the same translations from a server, over REST and gRPC, and from the model itself."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from pipeline import text_commands, translate
from serving.client import GrpcClient
from tests.end_to_end.project import REPOSITORY, Result, mlpipe
from tests.serving import models
from tests.serving.process import ServerProcess, serving_all
from tests.trainer_modules.translation import tiny

KINDS = {"recurrent": ("gru, multiplicative", 4), "transformer": ("transformer", 1)}
"""With a seed whose network says something."""
SOURCE, TARGET = "ab é<1", "xyñ ¿z"
TEXTS = ["ab", "é<1 ab", "unknown"]
BEAM = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name, (kind, seed) in KINDS.items():
        tiny.Untaught(kind, SOURCE, TARGET, seed, beam=BEAM).save(home / "serving" / name / "1")
    models.half_plus_two(home / "serving" / "numbers" / "1")
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerProcess]:
    with serving_all(home, (*KINDS, "numbers")) as server:
        yield server


def asked(home: Path, *arguments: str) -> Result:
    return mlpipe("translate", *arguments, "--timeout", "120", "--home", str(home))


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture(scope="module")
def expected(home: Path) -> dict[str, list[dict[str, Any]]]:
    """What each model makes of each text alone, in this process."""
    found = {
        name: [rows(asked(home, name, text, "--local", "--json"))[0] for text in TEXTS] for name in KINDS
    }
    assert len({row["translation"] for row in found["recurrent"]}) == len(TEXTS)
    assert any(row["translation"] for row in found["transformer"])
    return found


@pytest.mark.parametrize("name", KINDS)
def test_every_way_translates_the_same(
    name: str, home: Path, way: list[str], expected: dict[str, list[dict[str, Any]]]
) -> None:
    found = rows(asked(home, name, *TEXTS, *way, "--json"))
    for text, one, alone in zip(TEXTS, found, expected[name], strict=True):
        assert one["source"] == text
        assert {*one["translation"]} <= {*TARGET}
        assert "".join(one["target_tokens"]) == one["translation"] + "[END]"
        assert len(one["source_tokens"]) == len(text) + 1
        np.testing.assert_allclose(np.sum(one["attention"], axis=1), 1, rtol=1e-5)
        for key in ("translation", "source_tokens", "target_tokens"):
            assert one[key] == alone[key]
        for key in ("score", "log_likelihood", "attention"):
            np.testing.assert_allclose(one[key], alone[key], rtol=1e-4, atol=1e-5)
    plain = asked(home, name, *TEXTS, *way)
    assert plain.out.splitlines() == [one["translation"] for one in found]


def test_beam_and_length_penalty(home: Path) -> None:
    def scores(*how: str) -> list[float]:
        return [row["score"] for row in rows(asked(home, "recurrent", *TEXTS, "--local", "--json", *how))]

    assert scores("--beam", str(BEAM), "--length-penalty", "0.6") == scores()
    wide, narrow = (
        scores("--beam", "32", "--length-penalty", "0"),
        scores("--beam", "1", "--length-penalty", "0"),
    )
    assert all(one >= other - 1e-5 for one, other in zip(wide, narrow, strict=True))
    assert wide != narrow
    assert scores("--length-penalty", "1") != scores("--length-penalty", "0")


def test_lines_of_standard_input(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one request takes; an empty line stays one."""
    lines = [["ab", "", "é"][i % 3] for i in range(2 * translate.AT_ONCE + 1)]
    monkeypatch.setattr(text_commands.sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    found = asked(home, "transformer", "--local").out.splitlines()
    single = {text: asked(home, "transformer", text, "--local").out.rstrip("\n") for text in ("ab", "é")}
    assert found == [single.get(line, "") for line in lines]


def test_pictures_of_the_attention(home: Path, tmp_path: Path, way: list[str]) -> None:
    path = tmp_path / "new" / "seen.svg"
    [answer] = rows(asked(home, "transformer", "é<1", *way, "--attention", str(path), "--json"))
    root = ElementTree.fromstring(path.read_text("utf-8"))
    told = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert told == [token.replace(" ", "␣") for token in (*answer["source_tokens"], *answer["target_tokens"])]
    path = path.with_suffix(".png")
    assert asked(home, "transformer", "a", "", "b", *way, "--attention", str(path)).code == 0
    assert sorted(file.name for file in path.parent.iterdir()) == ["seen-1.png", "seen-3.png", "seen.svg"]


def test_the_signature_needs_the_source_alone(home: Path, server: ServerProcess) -> None:
    """Over gRPC; REST asks for every input, as TensorFlow Serving's does."""
    sources = np.array([text.encode() for text in TEXTS], object)
    asked_in_full = {"beam": np.int32([BEAM]), "length_penalty": np.float32([0.6])}
    with GrpcClient(f"localhost:{server.grpc_port}", timeout=120) as client:
        alone, in_full, as_configured = (
            client.predict("recurrent", {"source": sources, **more}, signature="translate")
            for more in ({}, asked_in_full, {"beam": np.int32([0]), "length_penalty": np.float32([-1])})
        )
    for found in (in_full, as_configured):
        assert found["translation"].tolist() == alone["translation"].tolist()
        np.testing.assert_allclose(found["score"], alone["score"], rtol=1e-5)


def test_mistakes(home: Path, tmp_path: Path, way: list[str]) -> None:
    result = asked(home, "numbers", "a", *way)
    assert (result.code, result.out) == (2, "")
    assert "numbers translates nothing: it has no signature translate, but" in result.err
    result = asked(home, "recurrent", "a", *way, "--attention", str(tmp_path / "seen.txt"))
    assert (result.code, result.out) == (2, "")
    assert "no picture has this suffix; give one of .png, .svg, .pdf" in result.err
    assert asked(home, "recurrent", "a", *way, "--beam", "0").code == 2
    assert asked(home, "recurrent", "a", *way, "--beam", "33").code == 2


def test_no_server(home: Path) -> None:
    result = asked(home, "recurrent", "a", "--rest-api-port", "1")
    assert result.code == 1
    assert "no server answers" in result.err


def test_the_page_names_every_option() -> None:
    page = (REPOSITORY / "docs" / "translate.md").read_text()
    options = re.findall(r"^  (--[a-z-]+)", mlpipe("translate", "--help").out, flags=re.MULTILINE)
    assert [option for option in options if f"`{option}" not in page] == ["--home", "--help"]
