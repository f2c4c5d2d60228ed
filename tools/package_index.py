"""Fetch a pinned wheel from the package index that pip or uv is configured for, and check its hash.

A bare Debian Python has neither pip nor ensurepip, so this is the standard library alone.
Index pages: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import html.parser
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import BadInput

PAGE_TYPES = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TRIES = 3
TIMEOUT = 60
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Pin:
    """One requirement of a lock file: a version and the sha256 of every file of it."""

    name: str
    version: str
    hashes: frozenset[str]


@dataclass(frozen=True)
class Index:
    """Where packages come from."""

    urls: list[str]
    find_links: list[str] = field(default_factory=list)
    certificates: str | None = None

    def uv_options(self) -> list[str]:
        """What has no variable of uv's."""
        return [] if self.urls else ["--no-index"]

    def uv_environment(self) -> dict[str, str]:
        """The same settings in uv's variables, so that set-up asks one index only."""
        variables = {}
        if self.urls:
            variables["UV_DEFAULT_INDEX"] = self.urls[-1]
        if self.urls[:-1]:
            variables["UV_INDEX"] = " ".join(self.urls[:-1])
        if self.find_links:
            variables["UV_FIND_LINKS"] = ",".join(self.find_links)
        if self.certificates:
            variables["SSL_CERT_FILE"] = self.certificates
        return variables


def read_pins(lock: Path) -> dict[str, Pin]:
    """Pins by name of a lock file in pip's format with hashes."""
    text = lock.read_text().replace("\\\n", " ")
    pins = {}
    for line in text.splitlines():
        match = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if match:
            hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
            pins[match[1]] = Pin(match[1], match[2], hashes)
    return pins


def pip_settings(env: Mapping[str, str], home: Path | None = None) -> dict[str, str]:
    """Settings of pip itself by long option name: configuration files first, `PIP_*` variables over them."""
    home = home or Path.home()
    config_home = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", config_home / "pip/pip.conf"]
    if env.get("PIP_CONFIG_FILE"):
        named = env["PIP_CONFIG_FILE"]
        files = [] if named == os.devnull else [*files, Path(named)]
    settings: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file)
        except configparser.Error as error:
            raise BadInput(f"{file} is not a pip configuration: {str(error).splitlines()[0]}") from error
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update(parser.items(section))
    settings.update(
        {
            name[4:].lower().replace("_", "-"): value
            for name, value in env.items()
            if name.startswith("PIP_") and value
        }
    )
    return settings


def configured_index(env: Mapping[str, str], home: Path | None = None) -> Index:
    """The index from uv's variables, else pip's variables and configuration, else PyPI."""
    pip = pip_settings(env, home)
    default = env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or pip.get("index-url")
    extra = env.get("UV_INDEX") or env.get("UV_EXTRA_INDEX_URL") or pip.get("extra-index-url") or ""
    urls = [*extra.split(), default or "https://pypi.org/simple"]
    urls = [url.split("=", 1)[1] if re.match(r"[\w-]+=", url) else url for url in urls]
    offline = env.get("UV_NO_INDEX") or pip.get("no-index", "0").lower() in {"1", "true", "yes", "on"}
    links = env.get("UV_FIND_LINKS", "").replace(",", " ").split() or pip.get("find-links", "").split()
    return Index(
        urls=[] if offline else urls,
        find_links=[link for link in links if "://" in link or Path(link).is_dir()],
        certificates=env.get("SSL_CERT_FILE") or pip.get("cert"),
    )


class _Links(html.parser.HTMLParser):
    """Collects the links of an index page in HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the target of every `<a>`."""
        self.hrefs += [value for key, value in attrs if tag == "a" and key == "href" and value]


def page_links(page_url: str, content_type: str, body: bytes) -> list[str]:
    """The absolute links of an index page, JSON or HTML, without their fragments."""
    if "json" in content_type:
        hrefs = [entry["url"] for entry in json.loads(body)["files"]]
    else:
        parser = _Links()
        parser.feed(body.decode("utf-8", "replace"))
        hrefs = parser.hrefs
    return [urllib.parse.urldefrag(urllib.parse.urljoin(page_url, href)).url for href in hrefs]


def wheel_name(link: str) -> str:
    """The file name that a link ends in."""
    return urllib.parse.unquote(urllib.parse.urlsplit(link).path.rsplit("/", 1)[-1])


def choose_wheel(pin: Pin, links: list[str], machine: str) -> str | None:
    """The link to the pin's manylinux wheel for `machine`, the one for the oldest glibc if there are several."""
    pattern = re.compile(rf"{re.escape(pin.name)}-{re.escape(pin.version)}-.*manylinux.*_{machine}.*\.whl")
    fitting = [link for link in links if pattern.fullmatch(wheel_name(link))]
    return min(fitting, key=wheel_name) if fitting else None


def fetch_wheel(pin: Pin, index: Index, machine: str, folder: Path) -> Path:
    """Put the pin's wheel into `folder` and give its path.

    Raises BadInput when no index has it, none can be reached, or its sha256 is not one of the pin's.
    """
    places = [*index.find_links, *(f"{url.rstrip('/')}/{pin.name}/" for url in index.urls)]
    for place in places:
        link = choose_wheel(pin, _links(place, index), machine)
        if link is None:
            continue
        body = Path(link).read_bytes() if "://" not in link else _get(link, index)[1]
        digest = hashlib.sha256(body).hexdigest()
        if digest not in pin.hashes:
            raise BadInput(
                f"{_without_password(link)} has sha256 {digest}, which requirements/bootstrap.lock does not list: "
                "the index gave another file; nothing of it was used"
            )
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / wheel_name(link)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        part.write_bytes(body)
        os.replace(part, target)
        return target
    where = " or ".join(_without_password(place) for place in places) or "no index and no find-links folder"
    raise BadInput(f"no {pin.name} {pin.version} wheel for Linux on {machine} in {where}")


def _links(place: str, index: Index) -> list[str]:
    if "://" not in place:
        return [str(path) for path in sorted(Path(place).iterdir())]
    content_type, body = _get(place, index)
    return page_links(place, content_type, body)


def _get(url: str, index: Index) -> tuple[str, bytes]:
    """Content type and body; tried again when the connection fails."""
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(
                _request(url), timeout=TIMEOUT, context=_tls(index.certificates)
            ) as answer:
                return answer.headers.get("Content-Type") or "", answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return "text/html", b""
            problem: Exception = error
        except (OSError, ValueError) as error:
            problem = error
        if attempt < TRIES:
            time.sleep(attempt)
    raise BadInput(
        f"cannot fetch {_without_password(url)}: {getattr(problem, 'reason', problem)}: check the network, "
        "or name a mirror with PIP_INDEX_URL or UV_DEFAULT_INDEX (docs/install.md)"
    )


def _request(url: str) -> urllib.request.Request:
    """A request that sends a user and password written in the URL as basic authentication."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(_without_password(url), headers={"Accept": PAGE_TYPES})
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    return request


def _without_password(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]).geturl() if parts.netloc else url


def _tls(certificates: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates)
    if not certificates and SYSTEM_CERTIFICATES.exists():
        context.load_verify_locations(SYSTEM_CERTIFICATES)
    return context
