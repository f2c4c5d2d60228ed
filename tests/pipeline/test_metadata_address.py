from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import config, metadata_address
from pipeline.home import Home
from pipeline.metadata_address import Address, parse

BOTH = f"set {metadata_address.PASSWORD}, or name a file in metadata.password_file"


def test_addresses() -> None:
    assert (
        parse("sqlite:///a/b.sqlite")
        == parse("sqlite:////a/b.sqlite")
        == Address("sqlite", Path("/a/b.sqlite"))
    )
    assert parse("postgresql://me@db/meta") == Address(
        "postgresql", host="db", port=5432, user="me", database="meta"
    )
    full = parse("mysql://a%40b@db.example:3307/meta?ssl_ca=/ca.pem", "/run/secret")
    assert full == Address(
        "mysql",
        host="db.example",
        port=3307,
        user="a@b",
        database="meta",
        options={"ssl_ca": "/ca.pem"},
        password_file="/run/secret",
    )
    assert str(full) == "mysql://a%40b@db.example:3307/meta"


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        (
            "postgresql://me:hush@db/meta",
            f"postgresql://db/meta: a password does not belong into the URI; {BOTH}",
        ),
        (
            "mysql://me@db/meta?password=hush",
            f"mysql://db/meta: a password does not belong into the URI; {BOTH}",
        ),
        (
            "postgres://me:hush@db/meta",
            "'postgres' is no scheme of a metadata store; write sqlite:///path or ",
        ),
        ("metadata.sqlite", "'metadata.sqlite' is no scheme of a metadata store"),
        ("postgresql://db/meta", "no user in it; write postgresql://user@host:5432/database"),
        ("postgresql://me@/meta", "no host in it"),
        ("mysql://me@db", "no database in it; write mysql://user@host:3306/database"),
        ("mysql://me@db:x/meta", "the port is not a number below 65536"),
        ("sqlite://here.sqlite", "write sqlite:/// and the absolute path of a file"),
        ("postgresql://me@db/meta?sslmod=x", "unknown option 'sslmod'; did you mean sslmode?"),
        ("sqlite:///a?mode=ro", "unknown option 'mode'; there is none"),
    ],
)
def test_wrong_addresses(uri: str, line: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(uri)
    assert line in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    assert metadata_address.find(home) == Address("sqlite", home.metadata)
    metadata_address.keep(home, "sqlite:///a/b.sqlite", None)
    assert metadata_address.find(home) == Address("sqlite", Path("/a/b.sqlite"))
    monkeypatch.setenv(metadata_address.URI, "sqlite:///c.sqlite")
    assert metadata_address.find(home) == Address("sqlite", Path("/c.sqlite"))
    metadata_address.keep(home, "sqlite:///d.sqlite", None)
    monkeypatch.setenv(metadata_address.URI, "sqlite:c")
    with pytest.raises(BadInput, match=f"^{metadata_address.URI}: 'sqlite' is no scheme"):
        metadata_address.find(home)


def test_where_runs_are_already_they_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.metadata.write_text("runs")
    with pytest.raises(
        BadInput, match=r"metadata.uri: /a/b.sqlite: this home keeps its records in .*metadata.sqlite"
    ):
        metadata_address.keep(home, "sqlite:///a/b.sqlite", None)


def test_a_home_never_has_half_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, **how: object) -> int:
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.delenv(metadata_address.URI, raising=False)
    monkeypatch.setattr(Path, "write_text", full)
    home = Home(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        metadata_address.keep(home, "postgresql://ml@db/runs", None)
    assert metadata_address.find(home) == Address("sqlite", home.metadata)


def test_connections_have_password_and_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "of PostgreSQL's own")
    found = metadata_address.connection(
        parse("postgresql://me@db/meta?sslmode=verify-full&sslrootcert=/ca.pem")
    )
    assert found.postgresql.password == "of PostgreSQL's own"
    assert (found.postgresql.port, found.postgresql.skip_db_creation) == ("5432", True)
    assert found.postgresql.ssloption.sslmode == "verify-full"
    assert found.postgresql.ssloption.sslrootcert == "/ca.pem"

    monkeypatch.setenv(metadata_address.PASSWORD, "hush")
    found = metadata_address.connection(
        parse("mysql://me@db/meta?ssl_ca=/ca.pem&ssl_verify_server_cert=true", "/not/read")
    )
    assert found.mysql.password == "hush"
    assert (found.mysql.ssl_options.ca, found.mysql.ssl_options.verify_server_cert) == ("/ca.pem", True)


def test_a_catalog_file_with_a_password_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        config.load("penguin", ["metadata.uri=postgresql://me:hush@db/meta"])
    assert "a password does not belong into the URI" in str(caught.value)
    assert "hush" not in str(caught.value)
