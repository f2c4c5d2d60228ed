"""A small checkout whose set-up finds a stand-in for uv, out of a real wheel: no network, no packages."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: str, files: Sequence[str]) -> Path:
    """Return a checkout with these empty files; `uv` is a script, to which the file exit-code tells how to end."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "uv-1.2.3-py3-none-manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-1.2.3.data/scripts/uv", uv)
    root = tmp_path / "a checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "tools").mkdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements/bootstrap.lock").write_text(f"uv==1.2.3 \\\n    --hash=sha256:{digest}\n")
    for name in files:
        (root / name).touch()
    (root / "exit-code").write_text("0")
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return root


def calls(root: Path) -> list[str]:
    """Return the arguments of each call of the stand-in that writes them to the file `calls`."""
    file = root / "calls"
    return file.read_text().splitlines() if file.exists() else []
