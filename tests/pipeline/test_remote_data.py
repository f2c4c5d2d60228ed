"""Data in an object store: the same files are read as of a folder, and only these are copied."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common import object_stores
from common.errors import BadInput, UserError
from pipeline import config, sources
from pipeline.home import Home
from pipeline.sections import Data
from pipeline.sources import Source
from tests.object_store import ObjectStore

ROWS = "species,x\nAdelie,1\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def found(home: Home, **data: Any) -> Source:
    given = config.load("penguin")
    return sources.find(given.model_copy(update={"data": Data.model_validate(data)}), home)


def copied(home: Home) -> list[str]:
    return sorted(
        str(path.relative_to(home.remote / "s3")).partition("/")[2]
        for path in home.remote.rglob("*")
        if path.is_file()
    )


def names(source: Source) -> list[str]:
    return [row["file"] for row in source.files]


@pytest.mark.parametrize("path", ["rows/*.csv", "rows", "rows/", "r*/*.csv", "**/*.csv"])
def test_globs_and_folders(path: str, s3: ObjectStore, home: Home) -> None:
    for key in ("rows/a.csv", "rows/b.csv", "rows/notes.txt"):
        s3.put(key, ROWS)
    source = found(home, path=s3.uri(path))
    assert sorted(os.path.basename(name) for name in names(source)) == ["a.csv", "b.csv"]
    assert copied(home) == ["rows/a.csv", "rows/b.csv"]
    assert sources.columns(source) == ["species", "x"]


def test_a_file_is_the_same_as_the_one_of_this_machine(s3: ObjectStore, home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    s3.put("deep/er/a.csv", ROWS)
    s3.put("deep/er/other.csv", ROWS)
    source = found(home, path=s3.uri("deep/er/a.csv"))
    assert source.files == found(home, path=str(tmp_path / "a.csv")).files
    assert copied(home) == ["deep/er/a.csv"]


def test_only_the_spans_that_are_read_are_copied(s3: ObjectStore, home: Home) -> None:
    for day in (1, 2, 3, 4):
        s3.put(f"sales/day-{day}/rows.csv", ROWS)
    s3.put("sales/day-4/v2.csv", ROWS)
    source = found(home, path=s3.uri("sales/day-{SPAN}/rows.csv"), spans=2)
    assert names(source) == ["day-3/rows.csv", "day-4/rows.csv"]
    assert copied(home) == ["sales/day-3/rows.csv", "sales/day-4/rows.csv"]
    assert names(found(home, path=s3.uri("sales/day-{SPAN}/rows.csv"), span=1)) == ["day-1/rows.csv"]


def test_a_list_of_paths_here_and_there(s3: ObjectStore, home: Home, tmp_path: Path) -> None:
    (tmp_path / "here.csv").write_text(ROWS)
    s3.put("there.csv", ROWS)
    source = found(home, path=[str(tmp_path / "here.csv"), s3.uri("there.csv")])
    assert sorted(os.path.basename(name) for name in names(source)) == ["here.csv", "there.csv"]


def test_what_changes_in_the_store_changes_the_fingerprint(s3: ObjectStore, home: Home) -> None:
    path = s3.uri("rows/*.csv")
    s3.put("rows/a.csv", ROWS)
    first = found(home, path=path).files
    # The same size, within the same second.
    s3.put("rows/a.csv", ROWS.replace("1", "2"))
    second = found(home, path=path).files
    assert second[0]["bytes"] == first[0]["bytes"]
    assert second[0]["sha256"] != first[0]["sha256"]
    s3.put("rows/b.csv", ROWS)
    assert [row["file"] for row in found(home, path=path).files] == ["a.csv", "b.csv"]
    s3.client("s3").delete_object(Bucket=s3.bucket, Key="rows/b.csv")
    assert found(home, path=path).files == second
    assert copied(home) == ["rows/a.csv"]


def test_texts_and_images_in_folders(s3: ObjectStore, home: Home) -> None:
    for label in ("bad", "good"):
        s3.put(f"reviews/{label}/1.txt", f"{label} words")
    source = found(home, path=s3.uri("reviews"), text="folders")
    assert len(source.files) == 2
    assert copied(home) == ["reviews/bad/1.txt", "reviews/good/1.txt"]
    s3.put("pictures/list.csv", "path,species\nones/1.png,Adelie\n")
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    s3.put("pictures/ones/1.png", picture.getvalue())
    source = found(home, path=s3.uri("pictures/list.csv"), images="csv")
    assert Path(source.path).read_text().startswith("path,")
    assert Path(source.path).with_name("ones").joinpath("1.png").is_file()


def test_nothing_there(s3: ObjectStore, home: Home) -> None:
    s3.put("rows/penguins.csv", ROWS)
    with pytest.raises(BadInput) as caught:
        found(home, path=s3.uri("rows/pengins.csv"))
    assert str(caught.value) == (
        f"{s3.uri('rows/pengins.csv')}: no such file or folder; nearest in {s3.uri('rows')}: penguins.csv"
    )
    with pytest.raises(BadInput, match=r"s3://bucket-\w+/rows/\*.parquet: nothing matches; nearest in s3://"):
        found(home, path=s3.uri("rows/*.parquet"))
    with pytest.raises(BadInput) as caught:
        found(home, path="s3://none-such/rows/*.csv")
    assert str(caught.value) == (
        "s3://none-such/rows: there is no bucket s3://none-such; make it, or name another"
    )
    with pytest.raises(BadInput, match="pictures: no such file or folder"):
        found(home, path=s3.uri("pictures"), images="folders")


def test_no_permission_to_read(s3: ObjectStore, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put("rows/a.csv", ROWS)
    with s3.as_reader(monkeypatch):
        assert names(found(home, path=s3.uri("rows/*.csv"))) == ["a.csv"]
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        object_stores.forget()
        with pytest.raises(UserError, match="the store does not know these credentials"):
            found(home, path=s3.uri("rows/*.csv"))
