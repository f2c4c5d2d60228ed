"""The Bible: markup cleaned, verses beside verses, from a small module of the same format and from the packages."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import pytest

from common.errors import BadInput
from data import bible

pytest.importorskip("pysword", reason=bible.READER)
PACKAGES = pytest.mark.skipif(
    not all((bible.PACKAGE / "mods.d" / f"{name}.conf").is_file() for name in bible.INSTALL),
    reason=f"the packages are not there: {', '.join(bible.INSTALL.values())}",
)


def module(folder: Path, name: str, versification: str, verses: dict[tuple[str, int, int], str]) -> None:
    """A zText module with these verses: one compressed block, an entry for every verse of its books."""
    from pysword.books import BibleStructure

    structure = BibleStructure(versification)
    data = folder / "modules" / name
    data.mkdir(parents=True)
    for testament in ("ot", "nt"):
        block, entries = b"", {}
        for (book, chapter, verse), text in verses.items():
            for place in structure.ref_to_indicies([book], [chapter], [verse]).get(testament, []):
                entries[place] = (len(block), len(text.encode()))
                block += text.encode()
        last = max(entries, default=0)
        packed = zlib.compress(block)
        (data / f"{testament}.bzz").write_bytes(packed)
        (data / f"{testament}.bzs").write_bytes(struct.pack("<III", 0, len(packed), len(block)))
        (data / f"{testament}.bzv").write_bytes(
            b"".join(struct.pack("<IIH", 0, *entries.get(place, (0, 0))) for place in range(last + 1))
        )
    (folder / "mods.d").mkdir(exist_ok=True)
    (folder / "mods.d" / f"{name}.conf").write_text(
        f"[{name}]\nDataPath=./modules/{name}/\nModDrv=zText\nSourceType=OSIS\nEncoding=UTF-8\n"
        f"CompressType=ZIP\nBlockType=BOOK\nVersification={versification.upper()}\n"
    )


@pytest.fixture
def sword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module(
        tmp_path / "sword",
        bible.ENGLISH,
        "nrsva",
        {
            (
                "Genesis",
                1,
                1,
            ): '<w lemma="H1">In</w> the start, God<note><reference>1:1</reference>or: gods</note>made all.',
            ("Genesis", 1, 2): "The earth was empty.",
            ("Genesis", 1, 3): "Short.",
            ("Genesis", 2, 1): "A second chapter.",
            ("Jonah", 2, 1): "Then Jonah prayed.",
            ("Tobit", 1, 1): "Not one of the 66 books.",
            (
                "Matthew",
                1,
                1,
            ): "The book of the generations.<chapter eID='x'/> <title>Glossary</title> Abba: father",
        },
    )
    module(
        tmp_path / "sword",
        bible.SPANISH,
        "kjv",
        {
            ("Genesis", 1, 1): "EN el principio Dios <w>que</w><transChange>todo</transChange><w>hizo</w>.",
            ("Genesis", 1, 3): "Pero este verso es mucho más largo.",
            ("Genesis", 2, 1): "Un segundo capítulo.",
            ("Jonah", 2, 1): "Y oró Jonás.",
            ("Matthew", 1, 1): "Libro de la generación.",
        },
    )
    monkeypatch.setenv("MLPIPE_DATA_BIBLE", str(tmp_path / "sword"))
    return tmp_path / "sword"


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ('<w lemma="a">In</w> <w lemma="b">the</w> <w>end</w>, <w>so</w>', "In the end, so"),
        ("God<note placement='foot'><reference>1 </reference>or: <w>gods</w></note>made", "God made"),
        ("holy<note>n</note>, holy", "holy, holy"),
        ('<q marker="" who="Jesus">“Come</q><note>n</note>.”', "“Come.”"),
        ("<speaker>Beloved</speaker> Let him <l level='1'/>kiss<lb/>me", "Let him kiss me"),
        ('<title canonical="true" type="psalm">A Psalm by David.</title> Yahweh', "A Psalm by David. Yahweh"),
        ('<title type="main">Book 1</title> Blessed', "Blessed"),
        ("los <w>que</w><transChange>quisieres</transChange><w>que</w> yo", "los que quisieres que yo"),
        ("¿<transChange>es</transChange> él?", "¿es él?"),
        ("Amen. <chapter eID='Rev.22'/> <div/> Glossary <w>Abba</w>", "Amen."),
        ("<chapter eID='Num.12'/>", ""),
    ],
)
def test_words_of_a_verse(marked: str, words: str) -> None:
    assert bible.clean(marked) == words


def test_text_is_a_verse_a_line(sword: Path, tmp_path: Path) -> None:
    path = bible.write_text(tmp_path / "out")
    assert path == tmp_path / "out" / "bible.txt"
    assert path.read_text() == (
        "In the start, God made all.\nThe earth was empty.\nShort.\n\nA second chapter.\n\nThen Jonah prayed.\n\n"
        "The book of the generations.\n"
    )


def test_pairs_and_what_is_left_out(sword: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="data.bible"):
        path = bible.write_pairs(tmp_path / "out")
    assert caplog.messages == [
        "3 pairs; left out: 1 not in both, 1 merged, divided or longer in one, 1 numbered otherwise"
    ]
    assert list(path.parent.iterdir()) == [path], "a loader's one file is what a pipeline reads"
    assert path.read_text() == (
        "book,chapter,verse,source,target\n"
        'Genesis,1,1,"In the start, God made all.",EN el principio Dios que todo hizo.\n'
        "Genesis,2,1,A second chapter.,Un segundo capítulo.\n"
        "Matthew,1,1,The book of the generations.,Libro de la generación.\n"
    )
    assert bible.compared()[1] == [
        (("Genesis", 1, 2), "not in both"),
        (("Genesis", 1, 3), "merged, divided or longer in one"),
        (("Jonah", 2, 1), "numbered otherwise"),
    ]


def test_a_text_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPIPE_DATA_BIBLE", str(tmp_path))
    with pytest.raises(BadInput) as caught:
        bible.write_text(tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}: there is no engWEB2015eb in it; install it with: apt-get install sword-text-web"
    )
    module(tmp_path, bible.ENGLISH, "nrsva", {("Genesis", 1, 1): "In the beginning"})
    with pytest.raises(
        BadInput, match=r"no spaRV1909eb in it; install it with: apt-get install sword-text-sparv$"
    ):
        bible.write_pairs(tmp_path / "out")
    monkeypatch.setattr(bible.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput) as caught:
        bible.write_text(tmp_path / "out")
    assert str(caught.value) == (
        "package pysword is not installed; install it with: pip install 'pysword>=0.2.8,<0.3'"
    )


@PACKAGES
def test_the_verses_of_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPIPE_DATA_BIBLE", raising=False)
    pairs, skipped = bible.compared()
    assert len(pairs) == 30863
    left_out = Counter(reason for _, reason in skipped)
    assert left_out == {"numbered otherwise": 201, "merged, divided or longer in one": 20, "not in both": 18}
    assert pairs[0][1] == "In the beginning, God created the heavens and the earth."
    assert pairs[0][2] == "EN el principio crió Dios los cielos y la tierra."
    assert pairs[-1][2] == "La gracia de nuestro Señor Jesucristo sea con todos vosotros. Amén."
    characters = Counter("".join(source + target for _, source, target in pairs))
    assert not set(characters) & set("<>[]&%/0123456789\t\n")
    assert len(characters) < 100
    text = bible.write_text(tmp_path).read_text(encoding="utf-8")
    assert len(text.split()) == 749955
    assert text.count("\n\n") == 1189 - 1
    assert not set(text) & set("<>[]&%/0123456789\t")
