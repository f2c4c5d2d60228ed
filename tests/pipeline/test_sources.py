"""From the data section to files: where they are looked for, loaders, and the slices that they allow."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from components.image_example_gen.options import FEATURES, ImageOptions
from components.text_example_gen.options import TextOptions
from pipeline import sources
from pipeline.config import REPOSITORY
from pipeline.home import Home
from pipeline.sections import Config


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("my_loader",):
        sys.modules.pop(name, None)


def config(data: dict[str, Any], **evaluation: Any) -> Config:
    return Config.model_validate(
        {
            "name": "toy",
            "task": "binary",
            "label": "label",
            "data": data,
            "trainer": {"module": "trainer_modules.tabular"},
            "evaluation": {"gates": [{"metric": "accuracy", "lower": 0.5}], **evaluation},
        }
    )


def find(data: dict[str, Any]) -> sources.Source:
    return sources.find(config(data), Home(Path("home").absolute()))


def write(name: str, text: str = "x,label\n1,0\n") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.absolute()


def test_a_file_of_the_current_folder() -> None:
    path = write("rows.csv")
    source = find({"path": "rows.csv", "drop": ["x"], "types": {"x": "float"}})
    assert Path(source.base, source.files[0]["file"]) == path
    assert source.files[0]["bytes"] == path.stat().st_size
    assert len(source.files[0]["sha256"]) == 64
    assert source.reader.labels == ["label"]
    assert source.reader.task == "binary"
    assert list(source.reader.drop) == ["x"]
    assert source.reader.types == {"x": "float"}


def test_the_current_folder_comes_before_the_repository() -> None:
    source = find({"path": "data/penguins/penguins.csv"})
    assert source.base == str(REPOSITORY / "data" / "penguins")
    write("data/penguins/penguins.csv")
    source = find({"path": "data/penguins/penguins.csv"})
    assert source.base == str(Path("data/penguins").absolute())


def test_the_latest_span() -> None:
    for span in (1, 2, 10):
        write(f"spans/{span}/rows.csv", f"x,label\n{span},0\n")
    source = find({"path": "spans/{SPAN}/rows.csv"})
    assert [file["file"] for file in source.files] == ["10/rows.csv"]
    assert source.pattern == "{SPAN}/rows.csv"


def test_a_window_of_spans() -> None:
    for span in (1, 2, 10):
        write(f"spans/{span}/rows.csv", f"x,label\n{span},0\n")
    source = find({"path": "spans/{SPAN}/rows.csv", "span": 2, "spans": 7})
    assert [file["file"] for file in source.files] == ["1/rows.csv", "2/rows.csv"]
    assert (source.span, source.spans) == (2, 7)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"loader": "a:b"}, "span and spans are for a path that has"),
        ({"images": "folders", "path": "a"}, "spans: 2: of images: folders one span is read at a time"),
        ({"text": "folders", "path": "a"}, "spans: 2: of text: folders one span is read at a time"),
    ],
)
def test_data_without_a_window_of_spans(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config({**data, "spans": 2})


@pytest.mark.parametrize("data", [{"images": "folders"}, {"text": "folders"}])
def test_spans_of_folders(data: dict[str, Any]) -> None:
    for day in (1, 2, 10):
        write(f"days/{day}/cat/1.{'png' if 'images' in data else 'txt'}", f"{day}")
    latest = find({**data, "path": "days/{SPAN}"})
    assert Path(latest.path) == Path("days/10").absolute()
    assert [file["file"] for file in latest.files] == ["cat"]
    second = find({**data, "path": "days/{SPAN}", "span": 2})
    assert Path(second.path) == Path("days/2").absolute()
    assert second.files != latest.files
    with pytest.raises(BadInput, match=r"days/\{SPAN\}: no span 3; there is 1, 2, 10"):
        find({**data, "path": "days/{SPAN}", "span": 3})


def test_a_window_of_texts() -> None:
    for day in (1, 2, 10):
        write(f"days/{day}.txt", "some words\n")
    values = config({"text": "windows", "path": "days/{SPAN}.txt", "spans": 2, "span": 2}).model_dump(
        by_alias=True, exclude_unset=True
    )
    del values["label"]
    values |= {"task": "language_model"}
    source = sources.find(Config.model_validate(values), Home(Path("home").absolute()))
    assert [file["file"] for file in source.files] == ["1.txt", "2.txt"]


def test_a_touched_file_keeps_its_fingerprint_and_an_edited_one_does_not() -> None:
    path = write("rows.csv")
    before = find({"path": "rows.csv"}).files
    os.utime(path, (1, 1))
    assert find({"path": "rows.csv"}).files == before
    # The same size and time.
    path.write_text("x,label\n2,0\n")
    os.utime(path, (1, 1))
    after = find({"path": "rows.csv"}).files
    assert after[0]["sha256"] != before[0]["sha256"]


def test_no_such_file() -> None:
    write("rows.csv")
    with pytest.raises(BadInput, match=r"/row\.csv: no such file or folder; nearest in .*: rows\.csv$"):
        find({"path": "row.csv"})


LOADER = """
from pathlib import Path

def write_csv(folder, rows=1):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "calls").open("a") as calls:
        calls.write("x")
    path = folder / "rows.csv"
    path.write_text("x,label\\n" + "1,0\\n" * rows)
    if Path("stop").exists():
        raise KeyboardInterrupt
    return path


def write_more(folder):
    return write_csv(folder, 2)
"""


def calls() -> int:
    return sum(len(path.read_text()) for path in Path("home/data").glob("*/calls"))


def test_a_loader_runs_once_for_its_code_and_arguments() -> None:
    write("my_loader.py", LOADER)
    data = {"loader": "my_loader:write_csv"}
    first = find(data)
    assert first.base.startswith(str(Path("home/data/my_loader-").absolute()))
    assert find(data).files == first.files
    assert calls() == 1
    more = find({**data, "loader_args": {"rows": 3}})
    assert more.files[0]["bytes"] > first.files[0]["bytes"]
    assert calls() == 2
    write("my_loader.py", LOADER + "\n# edited\n")
    find(data)
    assert calls() == 3


def test_runs_that_need_a_loader_at_once_wait_for_the_first() -> None:
    slow = LOADER.replace("    path = folder", "    time.sleep(0.3)\n    path = folder")
    write("my_loader.py", f"import time\n{slow}")
    importlib.import_module("my_loader")
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(find, [{"loader": "my_loader:write_csv"}] * 3))
    assert calls() == 1
    assert {(source.base, source.pattern) for source in found} == {(found[0].base, "rows.csv")}


def test_a_path_wins_over_the_loader() -> None:
    write("my_loader.py", LOADER)
    write("rows.csv")
    assert find({"path": "rows.csv", "loader": "my_loader:write_csv"}).base == str(Path.cwd())
    assert not Path("home/data").exists()


@pytest.mark.parametrize("loader", ["my_loader:nothing", "nowhere:write", "my_loader", ":", "my_loader:"])
def test_no_such_loader(loader: str) -> None:
    write("my_loader.py", LOADER)
    with pytest.raises(BadInput) as caught:
        find({"loader": loader})
    assert str(caught.value) == f"data.loader: no {loader!r}; write it as module:function"


def test_wrong_arguments_of_a_loader() -> None:
    write("my_loader.py", LOADER)
    with pytest.raises(BadInput) as caught:
        find({"loader": "my_loader:write_csv", "loader_args": {"row": 3}})
    assert str(caught.value).startswith("data.loader_args: my_loader:write_csv: ")
    assert "'row'" in str(caught.value)


def test_a_loader_that_is_killed_leaves_no_data() -> None:
    write("my_loader.py", LOADER)
    write("stop")
    with pytest.raises(KeyboardInterrupt):
        find({"loader": "my_loader:write_csv"})
    Path("stop").unlink()
    assert find({"loader": "my_loader:write_csv"}).files[0]["bytes"] == 12
    assert calls() == 1


def test_two_loaders_of_one_module() -> None:
    write("my_loader.py", LOADER)
    assert find({"loader": "my_loader:write_csv"}).files[0]["bytes"] == 12
    assert find({"loader": "my_loader:write_more"}).files[0]["bytes"] == 16


def test_columns_are_those_that_are_not_dropped() -> None:
    write("rows.csv", 'x,"a b",label\n1,2,0\n')
    assert sources.columns(find({"path": "rows.csv"})) == ["x", "a b", "label"]
    assert sources.columns(find({"path": "rows.csv", "drop": ["x"]})) == ["a b", "label"]


def test_slices_that_the_data_allows() -> None:
    wanted = ["color", ["color", "size"], {"columns": ["shape"], "if_missing": "skip"}]
    kept, left_out = sources.slices(config({"path": "rows.csv"}, slices=wanted), ["color", "size"])
    assert kept == [["color"], ["color", "size"]]
    assert left_out == ["slice shape left out: the data has no column shape"]


def test_a_slice_by_a_column_that_is_not_there() -> None:
    with pytest.raises(BadInput) as caught:
        sources.slices(config({"path": "rows.csv"}, slices=["colour"]), ["color", "size"])
    assert str(caught.value) == (
        "evaluation.slices: the data has no column 'colour'; did you mean color?"
        " (if_missing: skip leaves such a slice out)"
    )


def test_slices_of_images() -> None:
    images = {"images": "folders", "path": "photos"}
    available = [*FEATURES, "label"]
    wanted = ["label", "brightness", ["size", "channels"]]
    kept, _ = sources.slices(config(images, slices=wanted), available)
    assert kept == [["label"], ["brightness"], ["size", "channels"]]
    for name, hint in (
        ("brightnes", "; did you mean brightness?"),
        ("file_name", "; it has height, width, channels, size, brightness, label"),
    ):
        with pytest.raises(BadInput) as caught:
            sources.slices(config(images, slices=[name]), available)
        assert str(caught.value).startswith(f"evaluation.slices: the data has no column {name!r}{hint}")


@pytest.mark.parametrize("section", ["drift", "skew"])
def test_a_threshold_on_a_column_that_is_not_there(section: str) -> None:
    toy = config({"path": "rows.csv"})
    toy = toy.model_copy(update={"schema_": toy.schema_.model_copy(update={section: {"colour": 0.1}})})
    with pytest.raises(BadInput) as caught:
        sources.check_thresholds(toy, ["color", "size"])
    assert str(caught.value) == f"schema.{section}: the data has no column 'colour'; did you mean color?"


def test_a_feature_that_is_not_there() -> None:
    write("rows.csv", "color,size,id,label\n1,0,1,0\n")
    data = {"path": "rows.csv", "drop": ["id"]}
    toy, source = config(data), find(data)
    for features, said in (
        (
            {"numeric": ["colour"]},
            "rows.csv:1: no column 'colour' (trainer.features.numeric); did you mean 'color'?",
        ),
        (
            {"bucketed": {"siz": 3}},
            "rows.csv:1: no column 'siz' (trainer.features.bucketed); did you mean 'size'?",
        ),
        (
            {"categorical": ["id"]},
            "trainer.features.categorical: 'id' stands under data.drop; take it out of one of",
        ),
    ):
        trainer = toy.trainer.model_copy(update={"module": "trainer_modules.tabular", "features": features})
        with pytest.raises(BadInput) as caught:
            sources.check_features(
                toy.model_copy(update={"trainer": trainer}), source, sources.columns(source)
            )
        assert str(caught.value).removeprefix(f"{Path.cwd()}/").startswith(said)


SAMPLE = REPOSITORY / "data/fashion_mnist_sample"


def test_images_of_idx_files() -> None:
    source = find({"images": "idx", "path": str(SAMPLE), "on_error": "skip", "max_errors": 3})
    assert isinstance(source.reader, ImageOptions)
    assert (source.reader.images, source.reader.on_error, source.reader.max_errors) == ("idx", "skip", 3)
    assert source.reader.labels == ["label"]
    assert {row["file"] for row in source.files} >= {
        "train-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    }
    assert sources.columns(source) == [*FEATURES, "label"]


def test_images_that_a_csv_lists() -> None:
    write("shop/a.png", "no image, but a file")
    path = write("shop/images.csv", "file,label,shelf,note\na.png,0,top,x\n")
    source = find({"images": "csv", "path": "shop/images.csv", "path_column": "file", "drop": ["note"]})
    assert Path(source.path) == path.absolute()
    assert sources.columns(source)[-2:] == ["label", "shelf"]
    before = source.files
    write("shop/a.png", "another file")
    assert (
        find({"images": "csv", "path": "shop/images.csv", "path_column": "file", "drop": ["note"]}).files
        != before
    )


def test_a_loader_of_images_is_asked_once() -> None:
    write("my_loader.py", IMAGE_LOADER)
    data = {"images": "folders", "loader": "my_loader:load"}
    first = find(data)
    assert [row["file"] for row in first.files] == ["cat"]
    assert Path("calls").read_text() == "1"
    assert find(data) == first
    assert Path("calls").read_text() == "1"


IMAGE_LOADER = """
from pathlib import Path

def load(folder):
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "1.png").write_bytes(b"bytes")
    with open("calls", "a") as calls:
        calls.write("1")
    return folder
"""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"path": "rows.csv", "on_error": "skip"}, "on_error is for images"),
        ({"path": ["a", "b"], "images": "folders"}, "images lie in one folder"),
        ({"path": "a", "images": "zip"}, "'folders', 'idx' or 'csv'"),
    ],
)
def test_keys_of_images_that_do_not_fit(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(data)


def test_a_folder_of_images_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="nowhere"):
        find({"images": "folders", "path": "nowhere"})


def test_texts_of_a_table() -> None:
    write("rows.jsonl", '{"text": "a", "label": "b", "book": 1}\n')
    data = {"text": "table", "path": "rows.jsonl", "group": ["book"], "max_oov": 0.2, "drop": ["label"]}
    source = sources.find(config({**data, "drop": []}), Home(Path("home").absolute()))
    assert isinstance(source.reader, TextOptions)
    assert (source.reader.texts, source.reader.group, source.reader.max_oov) == (("text",), ("book",), 0.2)
    assert sources.columns(source) == ["text", "label", "book"]
    with pytest.raises(BadInput, match=r"rows\.jsonl:1: no column 'review' \(data\.text_columns\)"):
        sources.columns(find({**data, "drop": [], "text_columns": ["review"]}))


def test_parallel_texts_keep_their_order() -> None:
    write("z-source.txt", "a\n")
    write("a-target.txt", "b\n")
    values = config({"text": "parallel", "path": ["z-source.txt", "a-target.txt"]}).model_dump(
        by_alias=True, exclude_unset=True
    )
    values |= {"task": "translation", "label": "target"}
    source = sources.find(Config.model_validate(values), Home(Path("home").absolute()))
    assert [(row["split"], row["file"]) for row in source.files] == [
        ("source", "z-source.txt"),
        ("target", "a-target.txt"),
    ]
    assert sources.columns(source) == ["source", "target"]


def test_texts_in_folders_from_a_loader() -> None:
    write("my_loader.py", IMAGE_LOADER.replace(".png", ".txt"))
    data = {"text": "folders", "loader": "my_loader:load"}
    first = find(data)
    assert [row["file"] for row in first.files] == ["cat"]
    assert sources.columns(first) == ["text", "label", "file_name"]
    assert find(data) == first
    assert Path("calls").read_text() == "1"


def test_drift_of_lengths_of_texts_may_be_bounded() -> None:
    values = config({"text": "table", "path": "rows.csv"}).model_dump(by_alias=True, exclude_unset=True)
    values["schema"] = {"drift": {"text_words": 0.1}}
    sources.check_thresholds(Config.model_validate(values), ["text", "label"])
    values["schema"] = {"drift": {"text_wrds": 0.1}}
    with pytest.raises(
        BadInput, match=r"schema\.drift: the data has no column 'text_wrds'; did you mean text_words"
    ):
        sources.check_thresholds(Config.model_validate(values), ["text", "label"])
