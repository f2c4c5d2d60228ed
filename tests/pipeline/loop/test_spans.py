from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline.loop import spans
from pipeline.loop.spans import Span
from pipeline.sections import Config
from tests.object_store import ObjectStore

OLD = time.time() - 3600


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
    return [span.key for span in spans.available(config(path))]


def changed(path: str, number: int) -> float | None:
    return spans.changed(config(path), Span(number, None))


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


def test_when_a_span_was_changed() -> None:
    Path("span-1.csv").write_text("y\n1\n")
    assert changed("span-{SPAN}.csv", 1) == pytest.approx(time.time(), abs=60)
    os.utime("span-1.csv", (OLD, OLD))
    assert changed("span-{SPAN}.csv", 1) == OLD
    assert changed("span-{SPAN}.csv", 2) is None


def test_a_folder_is_as_new_as_what_is_in_it() -> None:
    Path("day-1/cat").mkdir(parents=True)
    assert changed("day-{SPAN}", 1) is None
    Path("day-1/cat/1.png").touch()
    for path in ("day-1/cat/1.png", "day-1/cat", "day-1"):
        os.utime(path, (OLD, OLD))
    assert changed("day-{SPAN}", 1) == OLD
    # A file that is moved here keeps its time.
    Path("2.png").touch()
    os.utime("2.png", (OLD, OLD))
    Path("2.png").rename("day-1/cat/2.png")
    assert changed("day-{SPAN}", 1) > OLD


@pytest.mark.parametrize(
    "wrong", [config("rows.csv"), config("photos", images="folders"), config("a-{SPAN}.csv", span=3)]
)
def test_data_that_do_not_come_in_spans_are_refused(wrong: Config) -> None:
    with pytest.raises(BadInput, match=r"toy: data\.(path|span): a loop"):
        spans.check(wrong)


@pytest.mark.parametrize("data", [{"images": "folders"}, {"text": "folders"}])
def test_folders_and_files_of_all_kinds_come_in_spans(data: dict[str, str]) -> None:
    spans.check(config("photos/day-{SPAN}", **data))
    for name in ("photos/day-3/cat", "photos/day-12/cat"):
        Path(name).mkdir(parents=True)
    assert found("photos/day-{SPAN}") == ["3", "12"]


def test_in_a_store_all_spans_are_seen_though_none_was_copied(s3: ObjectStore) -> None:
    for name in ("day-1/a/1.png", "day-2/a/1.png", "day-2/a/2.png"):
        s3.put(f"photos/{name}", "x")
    wanted = config(s3.uri("photos/day-{SPAN}"), images="folders")
    assert [span.key for span in spans.available(wanted)] == ["1", "2"]
    assert spans.changed(wanted, Span(2, None)) == pytest.approx(time.time(), abs=600)
    assert spans.changed(wanted, Span(3, None)) is None
