"""Where ML Metadata is kept: a file in the home, or a PostgreSQL or MySQL server, whose password is never part of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import whole_file
from common.errors import BadInput
from pipeline.home import Home
from pipeline.wording import nearest

URI = "MLPIPE_METADATA_URI"
PASSWORD = "MLPIPE_METADATA_PASSWORD"
PASSWORD_FILE = "MLPIPE_METADATA_PASSWORD_FILE"

_PORTS = {"postgresql": 5432, "mysql": 3306}
# The driver's own variable, where it has one.
_DRIVER_PASSWORD = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}
_OPTIONS = {
    "sqlite": (),
    "postgresql": ("sslmode", "sslrootcert", "sslcert", "sslkey"),
    "mysql": ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher", "ssl_verify_server_cert"),
}
_WHERE_THE_PASSWORD_GOES = f"set {PASSWORD}, or name a file in metadata.password_file"


@dataclass(frozen=True)
class Address:
    """A store: scheme is sqlite (path alone), postgresql or mysql; options are those of TLS."""

    scheme: str
    path: Path = Path()
    host: str = ""
    port: int = 0
    user: str = ""
    database: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    password_file: str | None = None

    @property
    def is_server(self) -> bool:
        return self.scheme != "sqlite"

    def __str__(self) -> str:
        """As people see it; the password is not known here."""
        if not self.is_server:
            return str(self.path)
        return f"{self.scheme}://{quote(self.user)}@{self.host}:{self.port}/{quote(self.database)}"


def parse(uri: str, password_file: str | None = None) -> Address:
    """The address in a URI: sqlite:///path, postgresql://user@host:port/database?sslmode=..., or mysql://...

    Raises BadInput for a password in it, an unknown scheme or option, or a part that is missing.
    """
    scheme = uri.partition(":")[0]
    if scheme not in _OPTIONS or "://" not in uri:
        # Not shown in full: what cannot be read may hold a password.
        raise BadInput(f"{scheme[:20]!r} is no scheme of a metadata store; write {_forms()}")
    parts = urlsplit(uri)
    shown = f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.password is not None or "password" in options:
        raise BadInput(f"{shown}: a password does not belong into the URI; {_WHERE_THE_PASSWORD_GOES}")
    for key in options:
        if key not in _OPTIONS[scheme]:
            known = _OPTIONS[scheme]
            raise BadInput(
                f"{shown}: unknown option {key!r}{nearest(key, known) or '; there is ' + (', '.join(known) or 'none')}"
            )
    if scheme == "sqlite":
        if parts.netloc or not parts.path.strip("/"):
            raise BadInput(f"{shown}: write sqlite:/// and the absolute path of a file")
        return Address(scheme, Path("/" + unquote(parts.path).lstrip("/")))
    try:
        port = parts.port or _PORTS[scheme]
    except ValueError:
        raise BadInput(f"{shown}: the port is not a number below 65536") from None
    database = unquote(parts.path.strip("/"))
    missing = [name for name, value in (("user", parts.username), ("host", parts.hostname)) if not value]
    if missing or not database or "/" in database:
        raise BadInput(f"{shown}: no {(missing or ['database'])[0]} in it; write {_forms(scheme)}")
    return Address(
        scheme,
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        database=database,
        options=options,
        password_file=password_file,
    )


def find(home: Home) -> Address:
    """The store of a home: MLPIPE_METADATA_URI, else what a configuration has set for the home, else its own file.

    Raises BadInput for a URI that is wrong.
    """
    from_environment = os.environ.get(URI)
    if from_environment:
        try:
            return parse(from_environment, os.environ.get(PASSWORD_FILE))
        except BadInput as error:
            raise BadInput(f"{URI}: {error}") from None
    if home.metadata_setting.is_file():
        setting = json.loads(home.metadata_setting.read_text(encoding="utf-8"))
        return parse(setting["uri"], setting["password_file"])
    return Address("sqlite", home.metadata)


def keep(home: Home, uri: str | None, password_file: str | None) -> None:
    """Have a home use the store that a configuration names, so that every command finds it; without one nothing happens.

    Raises BadInput when the home keeps its records elsewhere: one home has one store.
    """
    if uri is None or os.environ.get(URI):
        return
    wanted = parse(uri, password_file and str(Path(password_file).expanduser().absolute()))
    present = find(home)
    if present == wanted:
        return
    if present.is_server or present.path.is_file():
        raise BadInput(
            f"metadata.uri: {wanted}: this home keeps its records in {present}; give another --home, or move away "
            f"{home.metadata_setting if home.metadata_setting.is_file() else present}"
        )
    setting = {"uri": uri, "password_file": wanted.password_file}
    # At once: runs that begin together read what one of them writes.
    whole_file.write_text(home.metadata_setting, json.dumps(setting, indent=1) + "\n")


def connection(address: Address) -> mlmd.ConnectionConfig:
    """How MLMD connects to a store, with the password where there is one: not to be printed, nor to be recorded.

    Raises BadInput for a password file that cannot be read.
    """
    config = mlmd.ConnectionConfig()
    if address.scheme == "sqlite":
        config.sqlite.filename_uri = str(address.path)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    elif address.scheme == "postgresql":
        postgresql = config.postgresql
        postgresql.host, postgresql.port = address.host, str(address.port)
        postgresql.user, postgresql.dbname = address.user, address.database
        postgresql.password = _password(address)
        postgresql.skip_db_creation = True
        for key, value in address.options.items():
            setattr(postgresql.ssloption, key, value)
    else:
        mysql = config.mysql
        mysql.host, mysql.port = address.host, address.port
        mysql.user, mysql.database = address.user, address.database
        mysql.password = _password(address)
        mysql.skip_db_creation = True
        for key, value in address.options.items():
            name = key.removeprefix("ssl_")
            truth = value.lower() in ("1", "true", "yes")
            setattr(mysql.ssl_options, name, truth if name == "verify_server_cert" else value)
    return config


def _password(address: Address) -> str:
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if address.password_file:
        path = Path(address.password_file).expanduser()
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise BadInput(f"metadata.password_file: {path}: {reason}") from None
    return os.environ.get(_DRIVER_PASSWORD[address.scheme], "")


def _forms(scheme: str = "") -> str:
    forms = ["sqlite:///path", "postgresql://user@host:5432/database", "mysql://user@host:3306/database"]
    return " or ".join(form for form in forms if form.startswith(scheme))
