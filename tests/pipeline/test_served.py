"""Which pipelines have pushed models, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import served
from pipeline.home import Home
from tests.pipeline.records import Recorder


def version(folder: Path, number: str, file: str = "saved_model.pb") -> None:
    (folder / number).mkdir(parents=True)
    (folder / number / file).write_text("")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Versions of two pipelines, and what is none."""
    home = Home(tmp_path / "home")
    for number in ("1", "2", "10", ".pushing-11"):
        version(home.serving("penguin"), number)
    version(home.serving("planar"), "3", "model.tflite")
    (home.serving("penguin") / "11").mkdir()
    home.serving("empty").mkdir()
    return home


def test_all_that_have_a_version(home: Home) -> None:
    penguin, planar = served.find(home)
    assert (penguin.name, penguin.folder, penguin.versions) == (
        "penguin",
        home.serving("penguin"),
        (1, 2, 10),
    )
    assert (planar.name, planar.versions) == ("planar", (3,))
    assert penguin.latest == home.serving("penguin") / "10"
    assert penguin.version(2) == home.serving("penguin") / "2"
    with pytest.raises(BadInput, match=r"penguin has no version 3 in .*; there is 1 to 2, 10$"):
        penguin.version(3)


def test_by_name_or_file_in_the_order_given(home: Home) -> None:
    found = served.find(home, ["planar", "some/penguin.yaml", "planar"])
    assert [each.name for each in found] == ["planar", "penguin"]


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("taxi", "taxi has pushed no model yet: first mlpipe run taxi"),
        ("mine/birds.yaml", "birds has pushed no model yet: first mlpipe run mine/birds.yaml"),
        ("pengin", "no pushed model of a pipeline 'pengin'; did you mean penguin\\?"),
        ("zebra", r"no pushed model of a pipeline 'zebra'; pushed in .*: penguin, planar"),
    ],
)
def test_nothing_pushed(pipeline: str, message: str, home: Home) -> None:
    with pytest.raises(BadInput, match=rf"^{message}$"):
        served.find(home, [pipeline])


def test_nothing_pushed_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^nothing was pushed in .* yet: first run a pipeline: mlpipe run P$"):
        served.find(Home(tmp_path))


def test_a_push_elsewhere_is_found_by_its_record(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path / "home"))
    recorder.run("20261123-010101")
    (pushed,) = served.find(recorder.home, ["penguin"])
    assert pushed.versions == (1,)
    elsewhere = tmp_path / "elsewhere"
    pushed.folder.rename(elsewhere)
    artifact = recorder.store.get_artifacts_by_type("PushedModel")[0]
    artifact.custom_properties["pushed_destination"].string_value = str(elsewhere / "1")
    recorder.store.put_artifacts([artifact])
    assert [each.folder for each in served.find(recorder.home)] == [elsewhere]


def test_data_section_as_recorded_or_of_the_catalog(tmp_path: Path) -> None:
    recorder = Recorder(Home(tmp_path))
    assert served.data_section(recorder.home, "penguin")["missing_values"] == ["", "NA"]
    assert served.data_section(recorder.home, "unheard_of") == {}
    recorder.run("20261123-010101")
    assert served.data_section(recorder.home, "penguin") == {"path": "penguins.csv"}
