"""A curated schema is copied as it is, or refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from common.errors import BadInput
from components.curated_schema.executor import Executor, read

GOOD = 'feature { name: "x" type: FLOAT }  # measured in mm\n'


def test_the_file_is_copied_with_its_comments(tmp_path: Path) -> None:
    file = tmp_path / "curated.pbtxt"
    file.write_text(GOOD)
    schema = standard_artifacts.Schema()
    schema.uri = str(tmp_path / "out")
    Executor().Do({}, {"schema": [schema]}, {"schema_file": str(file), "fingerprint": ""})
    assert Path(tmp_path, "out", "schema.pbtxt").read_text() == GOOD


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            'feature { name: "x" }\nfeature { nam: "y" }\n',
            'a.pbtxt:2: not a schema in protobuf\'s text format: Message type "tensorflow.metadata.v0.Feature" has no'
            ' field named "nam".',
        ),
        ("{}", "a.pbtxt:1: not a schema in protobuf's text format: '{}': Expected identifier"),
        ("", "a.pbtxt: the schema has no feature; copy the one that SchemaGen made and edit it"),
        ("# \xff", "a.pbtxt: not UTF-8 (byte 2); save it as UTF-8"),
    ],
)
def test_what_is_no_schema(content: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pbtxt").write_bytes(content.encode("latin1"))
    with pytest.raises(BadInput) as caught:
        read(Path("a.pbtxt"))
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
