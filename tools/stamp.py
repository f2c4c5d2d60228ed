"""Whether .venv is what the checkout asks for: one file, written when set-up has finished."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

from tools.c_runtime import host_glibc

NAME = "setup-stamp"


def wanted(root: Path) -> str:
    """Digest of all that a finished .venv depends on: pins, package, set-up code, interpreter, glibc, its own place."""
    digest = hashlib.sha256()
    files = [root / "requirements/dev.lock", root / "requirements/bootstrap.lock", root / "setup.py"]
    for file in [*files, *sorted((root / "tools").glob("*.py"))]:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    # Scripts of an environment name its absolute path, so a moved checkout needs a new one.
    for fact in (os.path.realpath(root), os.path.realpath(sys.executable), sys.version, host_glibc()):
        digest.update(f"{fact}\n".encode())
    digest.update(platform.machine().encode())
    return digest.hexdigest()


def is_current(venv: Path, digest: str) -> bool:
    """True when set-up finished in `venv` for exactly this digest."""
    try:
        return (venv / NAME).read_text() == digest and (venv / "bin/python").exists()
    except OSError:
        return False


def write(venv: Path, digest: str) -> None:
    """Record a finished set-up; the file appears whole or not at all."""
    part = venv / f"{NAME}.part"
    part.write_text(digest)
    os.replace(part, venv / NAME)
