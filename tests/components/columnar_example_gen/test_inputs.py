"""Files, spans and versions behind a pattern."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from common.errors import BadInput
from components.columnar_example_gen import inputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x\n1\n")


def found(
    path: str | list[str], span: int | None = None, spans: int = 1
) -> tuple[list[str], int, int | None]:
    base, pattern = inputs.locate(path)
    resolved = inputs.resolve(base, {"all": pattern}, span, spans)
    names = [str(Path(file).relative_to(Path.cwd())) for file in resolved.files["all"]]
    return names, resolved.span, resolved.version


def test_a_file_a_glob_a_folder_and_a_list(folder: Path) -> None:
    make("a/2.csv", "a/1.csv", "a/3.csv.gz", "a/.hidden.csv", "a/README.md", "b/4.tsv")
    assert found("a/1.csv") == (["a/1.csv"], 0, None)
    assert found("a/?.csv") == (["a/1.csv", "a/2.csv"], 0, None)
    assert found("a") == (["a/1.csv", "a/2.csv", "a/3.csv.gz"], 0, None)
    assert found(["a/2.csv", "b"]) == (["a/2.csv", "b/4.tsv"], 0, None)
    assert found("**/*.csv")[0] == ["a/1.csv", "a/2.csv"]


def test_a_folder_whose_name_looks_like_a_pattern(folder: Path) -> None:
    make("run[1]/1.csv")
    assert found("run[1]/1.csv") == (["run[1]/1.csv"], 0, None)
    assert found("run[1]") == (["run[1]/1.csv"], 0, None)


def test_the_latest_span_by_number_not_by_text(folder: Path) -> None:
    make("span-2/a.csv", "span-10/a.csv", "span-10/b.csv", "span-x/a.csv")
    assert found("span-{SPAN}/*.csv") == (["span-10/a.csv", "span-10/b.csv"], 10, None)
    assert found("span-{SPAN}/*.csv", span=2) == (["span-2/a.csv"], 2, None)
    assert found("span-{SPAN}") == (["span-10/a.csv", "span-10/b.csv"], 10, None)


def test_the_latest_version_of_the_latest_span(folder: Path) -> None:
    make("1/v9/a.csv", "2/v1/a.csv", "2/v3/a.csv")
    assert found("{SPAN}/v{VERSION}/a.csv") == (["2/v3/a.csv"], 2, 3)
    assert found("{SPAN}/v{VERSION}/a.csv", span=1) == (["1/v9/a.csv"], 1, 9)


def test_a_width_and_a_date(folder: Path) -> None:
    make("day-007.csv", "day-012.csv", "2026-01-02/a.csv", "2025-12-31/a.csv")
    assert found("day-{SPAN:3}.csv") == (["day-012.csv"], 12, None)
    assert found("{YYYY}-{MM}-{DD}/a.csv") == (["2026-01-02/a.csv"], 20455, None)


def test_spans_and_versions_are_those_of_tfx(folder: Path) -> None:
    from tfx.components.example_gen import utils
    from tfx.proto import example_gen_pb2

    make(
        "s1/v2/a.csv",
        "s04/v1/a.csv",
        "s04/v12/a.csv",
        "s3/v50/a.csv",
        "w07-001.csv",
        "w10-003.csv",
        "w10-012.csv",
        "d2024-02-29/a.csv",
        "d2024-02-28/a.csv",
    )
    for pattern in ("s{SPAN}/v{VERSION}/a.csv", "w{SPAN:2}-{VERSION:3}.csv", "d{YYYY}-{MM}-{DD}/*"):
        split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
        _, span, version = utils.calculate_splits_fingerprint_span_and_version(str(folder), [split])
        ours = inputs.resolve(str(folder), {"all": pattern})
        assert (ours.span, ours.version, ours.patterns["all"]) == (span, version, split.pattern)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{SPAN}/{SPAN}.csv", "{SPAN} and {VERSION} may stand once each"),
        ("{VERSION}/a.csv", "{VERSION} needs a {SPAN} or a date beside it"),
        ("{YYYY}-{MM}/a.csv", "a date takes {YYYY}, {MM} and {DD} once each, and no {SPAN} beside them"),
        ("{SPAN:0}/a.csv", "{SPAN:0}: the width is not a positive integer"),
        ("{SPAN}/a.csv", "nothing matches"),
    ],
)
def test_patterns_that_cannot_be_resolved(folder: Path, pattern: str, said: str) -> None:
    make("other.csv")
    with pytest.raises(BadInput) as caught:
        inputs.resolve(str(folder), {"all": pattern})
    assert said in str(caught.value)


def test_a_span_that_is_not_there(folder: Path) -> None:
    make("1/a.csv", "2/a.csv")
    with pytest.raises(BadInput, match=r"no span 3; there is 1, 2$"):
        found("{SPAN}/a.csv", span=3)
    with pytest.raises(BadInput, match=r"span 3 is asked for, but there is no \{SPAN\} in it"):
        found("1/a.csv", span=3)


def test_a_window_of_spans_each_in_its_latest_version(folder: Path) -> None:
    make("2/v1/a.csv", "3/v1/a.csv", "3/v2/a.csv", "5/v1/a.csv")
    window = ["3/v2/a.csv", "5/v1/a.csv"]
    assert found("{SPAN}/v{VERSION}/a.csv", spans=3) == (window, 5, 1)
    assert found("{SPAN}/v{VERSION}/a.csv", span=5, spans=3) == (window, 5, 1)
    assert found("{SPAN}/v{VERSION}/a.csv", span=3, spans=100) == (["2/v1/a.csv", "3/v2/a.csv"], 3, 2)


def test_a_window_of_days(folder: Path) -> None:
    make("2026-02-28.csv", "2026-03-01.csv", "2026-03-02.csv")
    day = (datetime.date(2026, 3, 1) - datetime.date(1970, 1, 1)).days
    assert found("{YYYY}-{MM}-{DD}.csv", day, 2) == (["2026-02-28.csv", "2026-03-01.csv"], day, None)


def test_a_window_whose_last_span_has_no_files(folder: Path) -> None:
    make("1/a.csv", "2/a.csv")
    with pytest.raises(BadInput, match=r"no span 3; there is 1, 2$"):
        found("{SPAN}/a.csv", span=3, spans=3)
    with pytest.raises(BadInput, match=r"2 spans are asked for, but there is no \{SPAN\} in it"):
        found("1/a.csv", spans=2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/{SPAN:3}/b.csv", True), ("{YYYY}{MM}{DD}.csv", True), ("a/*.csv", False), ("{SPANS}.csv", False)],
)
def test_paths_with_spans(path: str, expected: bool) -> None:
    assert inputs.has_span(path) is expected


def test_splits_whose_latest_spans_differ(folder: Path) -> None:
    make("train-1.csv", "train-2.csv", "eval-1.csv")
    with pytest.raises(
        BadInput, match=r"eval-\{SPAN\}\.csv: the latest span and version are 1, but 2 elsewhere"
    ):
        inputs.resolve(str(folder), {"train": "train-{SPAN}.csv", "eval": "eval-{SPAN}.csv"})
