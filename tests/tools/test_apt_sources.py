from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
from tools import apt_sources, c_runtime

BOOKWORM = """\
Types: deb
# snapshot of the day
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

JAMMY = """\
# deb cdrom:[Ubuntu 22.04]/ jammy main
deb-src http://archive.example/ubuntu jammy main
deb [arch=amd64 signed-by=/etc/apt/keys/ubuntu.gpg] http://archive.example/ubuntu/ jammy main restricted # base
deb http://archive.example/ubuntu jammy-updates main restricted
"""


def test_deb822_keeps_mirror_and_keyring_and_changes_the_suite() -> None:
    stanzas = apt_sources.parse_deb822(BOOKWORM)
    assert [stanza["Suites"] for stanza in stanzas] == ["bookworm bookworm-updates", "bookworm-security"]
    assert apt_sources.newer_source(stanzas, "debian", "bookworm", "amd64") == (
        "Types: deb\n"
        "URIs: http://mirror.example/debian\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        "Suites: trixie\n"
        "Components: main\n"
        "Architectures: amd64\n"
        "Targets: Packages\n"
    )


def test_one_line_format_with_options() -> None:
    stanzas = apt_sources.parse_list(JAMMY)
    assert [stanza["Types"] for stanza in stanzas] == ["deb-src", "deb", "deb"]
    source = apt_sources.newer_source(stanzas, "ubuntu", "jammy", "amd64")
    assert source is not None
    assert source.splitlines() == [
        "Types: deb",
        "URIs: http://archive.example/ubuntu/",
        "Signed-By: /etc/apt/keys/ubuntu.gpg",
        "Suites: noble",
        "Components: main",
        "Architectures: amd64",
        "Targets: Packages",
    ]


def test_an_embedded_key_stays_whole() -> None:
    key = " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----"
    text = (
        f"types: deb\nuris: https://m.example/debian\nsuites: stable\ncomponents: main\nsigned-by:\n{key}\n"
    )
    source = apt_sources.newer_source(apt_sources.parse_deb822(text), "debian", "bookworm", "amd64")
    assert source is not None
    assert f"Signed-By: \n{key}\nSuites: trixie\n" in source


def test_what_apt_would_not_use_is_not_used() -> None:
    disabled = apt_sources.parse_deb822(BOOKWORM.replace("Types: deb\n", "Enabled: no\nTypes: deb\n"))
    assert disabled == []
    cdrom = apt_sources.parse_list("deb cdrom:[Debian]/ bookworm main\n")
    assert apt_sources.newer_source(cdrom, "debian", "bookworm", "amd64") is None
    vendor = apt_sources.parse_list("deb https://vendor.example/apt bookworm stable\n")
    assert apt_sources.newer_source(vendor, "debian", "bookworm", "amd64") is None


def test_files_are_read_as_apt_reads_them(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (parts / "debian.sources").write_text(BOOKWORM)
    (parts / "old.list.disabled").write_text("deb http://off.example/debian bookworm main\n")
    stanzas = apt_sources.read_host_stanzas(tmp_path)
    assert [stanza["URIs"] for stanza in stanzas] == [
        "http://one.example/debian",
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    ]


@pytest.mark.parametrize(
    ("os_release", "host"),
    [
        ('ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n', ("debian", "bookworm")),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\nUBUNTU_CODENAME=jammy\n", ("ubuntu", "jammy")),
        (
            'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy\n',
            ("ubuntu", "jammy"),
        ),
        ("ID=raspbian\nID_LIKE=debian\nVERSION_CODENAME=bookworm\n", ("debian", "bookworm")),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n', None),
        ("", None),
    ],
)
def test_whose_archive_a_host_uses(os_release: str, host: tuple[str, str] | None) -> None:
    assert apt_sources.host_distribution(os_release) == host


def test_another_distribution_is_sent_to_the_container(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID="rocky"\nID_LIKE="rhel fedora"\n')
    with pytest.raises(BadInput, match=r"neither Debian nor Ubuntu.*docker build -t mlpipe \.$"):
        c_runtime.derive_source(tmp_path)


def test_a_host_without_a_mirror_is_sent_to_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_runtime, "_run", lambda command: "amd64\n")
    (tmp_path / "os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt/sources.list").write_text("deb https://vendor.example/apt bookworm stable\n")
    with pytest.raises(
        BadInput, match=r"names no mirror with the suite bookworm.*docker build -t mlpipe \.$"
    ):
        c_runtime.derive_source(tmp_path)
