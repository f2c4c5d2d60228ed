"""Names with tags: the committed files, what they are made of, and the loader's one file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from common.errors import BadInput
from data import names
from tests.data.test_archives import tar

XML = b"""<NameCollection>
  <Name><Surname>Russell,</Surname> <GivenName>Anna</GivenName> <GivenName>Lee</GivenName></Name>
  <Name><GivenName>Andr\xc3\xa9</GivenName>
  </Name>
</NameCollection>"""


def sentences(path: Path) -> list[list[list[str]]]:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [[line.split("\t") for line in name.split("\n")] for name in text.rstrip("\n").split("\n\n")]


def entities(path: Path) -> int:
    return sum(tag.startswith("B-") for name in sentences(path) for _, tag in name)


def test_words_of_one_part_are_one_entity() -> None:
    assert list(names.tagged(XML)) == [
        [("Russell,", "B-Surname"), ("Anna", "B-GivenName"), ("Lee", "I-GivenName")],
        [("André", "B-GivenName")],
    ]


def test_conversion_of_a_source_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "probablepeople-0.5.6/name_data/labeled"
    archive = tar(tmp_path / names.SOURCE, {f"{folder}/{kind}_labeled.xml": XML for kind in names.KINDS})
    with pytest.raises(BadInput, match=r"tar\.gz: its sha256 is .*; fetch it again with: pip download"):
        names.convert(archive, tmp_path / "out")
    monkeypatch.setattr(names.downloads, "check", lambda *_: None)
    person, company = names.convert(archive, tmp_path / "out")
    assert person.name == "person.conll"
    assert person.read_text() == company.read_text()
    assert (
        person.read_text()
        == "Russell,\tB-Surname\nAnna\tB-GivenName\nLee\tI-GivenName\n\nAndré\tB-GivenName\n"
    )


def test_the_committed_names(tmp_path: Path) -> None:
    path = names.write(tmp_path)
    assert path == tmp_path / "names.conll"
    assert len(sentences(path)) == 2898 + 1383
    assert entities(path) == 2775 + 5833
    people = names.write(tmp_path / "people", kinds=("person",))
    assert len(sentences(people)) == 2898
    tags = Counter(tag for name in sentences(people) for _, tag in name)
    assert tags["B-GivenName"] + tags["I-GivenName"] == 2356
    assert tags["I-Surname"] == 135
    assert sentences(people)[0] == [["Drake", "B-GivenName"], ["Rice", "B-Surname"]]
    assert all(len(row) == 2 and all(row) for name in sentences(path) for row in name)
    assert not any(
        tag.startswith("I-") and (at == 0 or name[at - 1][1][2:] != tag[2:])
        for name in sentences(path)
        for at, (_, tag) in enumerate(name)
    ), "no part starts with I-"
    with pytest.raises(BadInput, match=r"^kinds: there is no 'pet'; take person or company$"):
        names.write(tmp_path, kinds=("pet",))


def test_the_committed_files_are_small_and_have_their_licence() -> None:
    assert sum(path.stat().st_size for path in names.COMMITTED.iterdir()) < 300_000
    assert "The Atlanta Journal Constitution" in (names.COMMITTED / "LICENSE").read_text()
    assert names.SHA256 in (names.COMMITTED / "README.md").read_text()
