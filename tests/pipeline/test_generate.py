"""`mlpipe generate`: the same text from a server, over REST and gRPC, and from the model itself, whole and in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.generate import PIECE
from tests.end_to_end.project import REPOSITORY, Result, mlpipe
from tests.serving import models
from tests.serving.process import ServerProcess, serving_all
from tests.trainer_modules.language import tiny

CHARACTERS = "abé \n“x"
LENGTH = 2 * PIECE + 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name in tiny.QUICK:
        tiny.Unlearnt(name, CHARACTERS).save(home / "serving" / name / "1")
    models.half_plus_two(home / "serving" / "numbers" / "1")
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerProcess]:
    with serving_all(home, (*tiny.QUICK, "numbers")) as server:
        yield server


def generate(home: Path, *arguments: str) -> Result:
    return mlpipe("generate", *arguments, "--home", str(home))


def lines(result: Result) -> list[Any]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture(scope="module")
def expected(home: Path) -> dict[str, dict[str, Any]]:
    """What each model makes at once, in this process."""
    asked = ["--prompt", "ax ß", "--length", str(LENGTH), "--local", "--json", "--seed", "5"]
    return {name: lines(generate(home, name, *asked))[0] for name in tiny.QUICK}


@pytest.mark.parametrize("name", tiny.QUICK)
def test_every_way_makes_the_same_text(
    name: str, home: Path, way: list[str], expected: dict[str, dict[str, Any]]
) -> None:
    whole = expected[name]
    assert whole["text"] == "ax ß" + whole["continuation"]
    assert whole["tokens"] == len(whole["continuation"]) == LENGTH
    assert set(whole["continuation"]) <= set(CHARACTERS)
    asked = [name, "--prompt", "ax ß", "--length", str(LENGTH), "--seed", "5", *way]
    assert generate(home, *asked).out == whole["text"] + "\n"
    pieces = lines(generate(home, *asked, "--stream", "--json"))
    assert [piece["tokens"] for piece in pieces] == [PIECE, PIECE, 3]
    assert "".join(piece["continuation"] for piece in pieces) == whole["continuation"]
    total = sum(piece["log_likelihood"] for piece in pieces)
    assert total == pytest.approx(whole["log_likelihood"], rel=1e-4)


def test_temperature_and_top_k(home: Path) -> None:
    def text(*how: str) -> str:
        return generate(home, "gru", "--prompt", "b", "--length", "20", "--local", *how).out

    assert text("--temperature", "0") == text("--top-k", "1") == text("--temperature", "0", "--seed", "8")
    assert text("--seed", "1") != text("--seed", "2")


def test_nothing_is_added_to_a_prompt_of_length_0(home: Path) -> None:
    assert generate(home, "gru", "--prompt", "ab", "--length", "0", "--local").out == "ab\n"


def test_mistakes(home: Path, way: list[str]) -> None:
    result = generate(home, "numbers", "--prompt", "a", *way)
    assert (result.code, result.out) == (2, "")
    assert "numbers generates no text: it has no signatures generate and continue, but" in result.err
    assert generate(home, "gru", "--prompt", "a", "--temperature", "-1", *way).code == 2
    if "--local" not in way:
        assert "Servable not found for request: Latest(nope)" in generate(home, "nope", *way).err


def test_no_server(home: Path) -> None:
    for way in (["--rest-api-port", "1"], ["--grpc", "--port", "1"]):
        result = generate(home, "gru", *way)
        assert result.code == 1
        assert "no server answers" in result.err
        assert result.err.endswith(
            "; start one with mlpipe serve gru, or ask the model without a server: --local\n"
        )


def test_the_page_names_every_option() -> None:
    page = (REPOSITORY / "docs" / "serve.md").read_text()
    options = re.findall(r"^  (--[a-z-]+)", mlpipe("generate", "--help").out, flags=re.MULTILINE)
    assert [option for option in options if f"`{option}" not in page] == ["--home", "--help"]
