"""Write an apt source for a newer suite of the mirror that this host is configured for.

No host name stands in the repository: mirror, keyring and options are the host's own.
Formats: sources.list(5), both the one-line and the deb822 style.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

Stanza = dict[str, str]

# The suite of each distribution that has glibc 2.39 or newer, and what its own suites may be called besides.
NEWER_SUITE = {"debian": "trixie", "ubuntu": "noble"}
ALIASES = {"debian": {"stable", "oldstable", "oldoldstable"}, "ubuntu": set[str]()}

# Fields that say how to reach and trust the mirror; the others belong to the old suite.
KEPT = ("URIs", "Signed-By", "Trusted", "Allow-Insecure", "Check-Valid-Until", "Check-Date", "By-Hash")


def host_distribution(os_release: str) -> tuple[str, str] | None:
    """Distribution whose archive the host uses (debian or ubuntu) and its code name, from /etc/os-release."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    if fields.get("UBUNTU_CODENAME"):
        return "ubuntu", fields["UBUNTU_CODENAME"]
    for name in (fields.get("ID", ""), *fields.get("ID_LIKE", "").split()):
        codename = fields.get("DEBIAN_CODENAME") or fields.get("VERSION_CODENAME")
        if name in NEWER_SUITE and codename:
            return name, codename
    return None


def parse_deb822(text: str) -> list[Stanza]:
    """Stanzas of a `.sources` file; a continued field (an embedded key) keeps its lines."""
    stanzas = []
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for block in re.split(r"\n[ \t]*\n", text):
        fields = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", block, re.MULTILINE)
        stanza = {_canonical(name): value.rstrip("\n") for name, value in fields}
        if stanza and stanza.get("Enabled", "yes").strip().lower() not in {"no", "false", "off", "0"}:
            stanzas.append(stanza)
    return stanzas


def parse_list(text: str) -> list[Stanza]:
    """Stanzas of a one-line `.list` file: `deb [options] uri suite components`."""
    stanzas = []
    for line in text.splitlines():
        match = re.match(
            r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)", line.split("#")[0].strip()
        )
        if match:
            kind, options, uri, suite, components = match.groups()
            stanza = {"Types": kind, "URIs": uri, "Suites": suite, "Components": components}
            for option in (options or "").split():
                name, _, value = option.partition("=")
                stanza[_canonical(name)] = value
            stanzas.append(stanza)
    return stanzas


def _canonical(name: str) -> str:
    """A field's name as in `KEPT`, however the file spells it."""
    spelled = {known.lower(): known for known in (*KEPT, "Types", "Suites", "Components", "Enabled")}
    return spelled.get(name.lower(), name)


def read_host_stanzas(etc_apt: Path) -> list[Stanza]:
    """Every stanza that apt itself would read below `etc_apt`."""
    stanzas: list[Stanza] = []
    main = etc_apt / "sources.list"
    parts = sorted((etc_apt / "sources.list.d").glob("*"))
    for file in [main, *parts]:
        if file.suffix in {".list", ".sources"} and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            stanzas += parse_deb822(text) if file.suffix == ".sources" else parse_list(text)
    return stanzas


def newer_source(stanzas: list[Stanza], distribution: str, codename: str, architecture: str) -> str | None:
    """A deb822 source for the newer suite on the host's mirror, or None when no stanza names the host's suite."""
    names = {codename} | ALIASES[distribution]
    for stanza in stanzas:
        fits = (
            "deb" in stanza.get("Types", "").split()
            and names & set(stanza.get("Suites", "").split())
            and "main" in stanza.get("Components", "").split()
            and not stanza["URIs"].startswith("cdrom:")
        )
        if fits:
            return _write(stanza, NEWER_SUITE[distribution], architecture)
    return None


def _write(stanza: Mapping[str, str], suite: str, architecture: str) -> str:
    fields = {
        "Types": "deb",
        **{name: stanza[name] for name in KEPT if name in stanza},
        "Suites": suite,
        "Components": "main",
        "Architectures": architecture,
        "Targets": "Packages",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
