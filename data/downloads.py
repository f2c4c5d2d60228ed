"""Original files of data sets: found where the user says they are, or fetched with a checksum."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import BadInput

_BLOCK = 1 << 20
_SECONDS = 60


@dataclass(frozen=True)
class Original:
    """A file as its makers publish it."""

    url: str
    sha256: str
    megabytes: int

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def variable(dataset: str) -> str:
    """The environment variable that says where a data set's original files are."""
    return f"MLPIPE_DATA_{dataset.upper()}"


@contextmanager
def original_file(dataset: str, original: Original, folder: Path, download: bool) -> Iterator[Path]:
    """The original file: where the environment variable says, or fetched into `folder` where that is asked for.

    The variable names the file or its folder. What was fetched is taken away in the end.
    Raises BadInput for a file that is not there or another one.
    """
    given = os.environ.get(variable(dataset))
    if given:
        path = Path(given).expanduser()
        path = path / original.name if path.is_dir() else path
        if not path.is_file():
            raise BadInput(
                f"{variable(dataset)}={given}: there is no {path.name}; name the file, or its folder"
            )
        check(path, original.sha256, f"fetch {original.url} again")
        yield path
        return
    if not download:
        raise BadInput(
            f"data set {dataset} is not on this machine; fetch its {original.megabytes} MB with: mlpipe data get"
            f" {dataset} --download (or set {variable(dataset)} to {original.name})"
        )
    fetched = fetch(original, folder)
    try:
        yield fetched
    finally:
        fetched.unlink()


def fetch(original: Original, folder: Path) -> Path:
    """Fetches a file into `folder`, where it appears complete and checked, or not at all.

    Raises BadInput when it cannot be fetched or written, or is not the one with the checksum.
    """
    partial = folder / f"{original.name}.{os.getpid()}.part"
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.writelines(_blocks(original.url))
        except OSError as error:
            raise BadInput(f"{folder}: {original.name} cannot be written there ({error.strerror})") from None
        check(partial, original.sha256, "what came is not the original; try again, or fetch it elsewhere")
        return partial.rename(folder / original.name)
    finally:
        partial.unlink(missing_ok=True)


def _blocks(url: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            while block := answer.read(_BLOCK):
                yield block
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise BadInput(
            f"{url}: cannot be fetched ({reason}); check the network, or fetch it elsewhere"
        ) from None


def check(path: Path, sha256: str, mend: str) -> None:
    """Raises BadInput when a file has another checksum."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    if hasher.hexdigest() != sha256:
        raise BadInput(f"{path}: its sha256 is {hasher.hexdigest()[:12]}..., not {sha256[:12]}...; {mend}")
