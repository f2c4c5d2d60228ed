from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline.home import Home
from pipeline.loop import spans
from pipeline.sections import Config


def config(path: str | list[str], **data: object) -> Config:
    return Config.model_validate(
        {
            "name": "toy",
            "task": "binary",
            "label": "y",
            "data": {"path": path, **data},
            "trainer": {"module": "trainer_modules.tabular"},
            "evaluation": {"gates": [{"metric": "auc", "lower": 0.5}]},
        }
    )


def found(path: str | list[str]) -> list[str]:
    return [span.key for span in spans.available(config(path), Home(Path("home")))]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_spans_come_in_their_order_and_one_that_is_not_there_is_none() -> None:
    assert found("span-{SPAN}.csv") == []
    for number in (10, 9, 2):
        Path(f"span-{number}.csv").write_text("y\n1\n")
    assert found("span-{SPAN}.csv") == ["2", "9", "10"]


def test_the_latest_version_of_a_span_counts() -> None:
    for name in ("1-v1", "1-v2", "2-v1"):
        Path(f"span-{name}.csv").write_text("y\n1\n")
    assert found("span-{SPAN}-v{VERSION}.csv") == ["1v2", "2v1"]


def test_days_are_spans() -> None:
    Path("2026-11-23.csv").write_text("y\n1\n")
    assert found("{YYYY}-{MM}-{DD}.csv") == ["20780"]
    Path("2026-02-30.csv").write_text("y\n1\n")
    with pytest.raises(BadInput, match=r"2026-02-30\.csv: .*a date that does not exist"):
        found("{YYYY}-{MM}-{DD}.csv")


def test_of_several_paths_a_span_is_there_when_all_have_it() -> None:
    for name in ("a-1", "a-2", "b-1"):
        Path(f"{name}.csv").write_text("y\n1\n")
    assert found(["a-{SPAN}.csv", "b-{SPAN}.csv"]) == ["1"]


def test_a_file_that_is_new_is_waited_for() -> None:
    Path("span-1.csv").write_text("y\n1\n")
    (span,) = spans.available(config("span-{SPAN}.csv"), Home(Path("home")))
    assert 5 < span.wait(10) <= 10
    old = time.time() - 60
    os.utime("span-1.csv", (old, old))
    (span,) = spans.available(config("span-{SPAN}.csv"), Home(Path("home")))
    assert span.wait(10) == 0


@pytest.mark.parametrize(
    "wrong", [config("rows.csv"), config("texts-{SPAN}.csv", text="table"), config("a-{SPAN}.csv", span=3)]
)
def test_data_that_do_not_come_in_spans_are_refused(wrong: Config) -> None:
    with pytest.raises(BadInput, match=r"toy: data\.(path|span): a loop"):
        spans.check(wrong)
