"""Names of people and companies, a tag for every word of them: who is the given name, who the surname.

2,898 names of people and 1,383 of companies, as probablepeople learns from them (PyPI probablepeople 0.5.6, DataMade
and The Atlanta Journal-Constitution, MIT licence, https://github.com/datamade/probablepeople). They are only in its
source distribution, and therefore committed: data/probablepeople/person.conll and company.conll, made by

    pip download --no-deps --no-binary :all: probablepeople==0.5.6
    python -m data.names probablepeople-0.5.6.tar.gz data/probablepeople
"""

from __future__ import annotations

import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from common.errors import BadInput
from data import downloads, files

SOURCE = "probablepeople-0.5.6.tar.gz"
SHA256 = "4ae95e77f9fa7dceb116538500ab48c81a91bf68eb652d45207b794b450f4392"
KINDS = ("person", "company")
COMMITTED = Path(__file__).parent / "probablepeople"


def write(folder: Path, kinds: tuple[str, ...] = KINDS) -> Path:
    """Writes names.conll: a word, a tab and its tag on a line, an empty line between names.

    Tags are B-GivenName for the first word of a part and I-GivenName for its further words. Many names are there more
    than once. Raises BadInput for a kind that is not person or company.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise BadInput(f"kinds: there is no {kind!r}; take {' or '.join(KINDS)}")
    parts = [(COMMITTED / f"{kind}.conll").read_text(encoding="utf-8") for kind in kinds]
    return files.write_text(folder, "names.conll", "\n".join(parts))


def convert(archive: Path, folder: Path) -> list[Path]:
    """Writes person.conll and company.conll from the source distribution, which must be the one with the checksum."""
    downloads.check(
        archive, SHA256, "fetch it again with: pip download --no-binary :all: probablepeople==0.5.6"
    )
    written = []
    with tarfile.open(archive) as tar:
        for kind in KINDS:
            member = tar.extractfile(f"{SOURCE.removesuffix('.tar.gz')}/name_data/labeled/{kind}_labeled.xml")
            assert member is not None
            names = ("".join(f"{word}\t{tag}\n" for word, tag in name) for name in tagged(member.read()))
            written.append(files.write_text(folder, f"{kind}.conll", "\n".join(names)))
    return written


def tagged(content: bytes) -> Iterator[list[tuple[str, str]]]:
    """(word, tag) of every name: an element is a word, and its tag the part that it belongs to.

    Words of one part that follow each other are one entity, for that is how the parts are read: two given names in a
    row are B-GivenName I-GivenName.
    """
    for name in ET.fromstring(content):
        words = []
        before = ""
        for element in name:
            words.append(
                ((element.text or "").strip(), f"{'I' if element.tag == before else 'B'}-{element.tag}")
            )
            before = element.tag
        yield words


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
