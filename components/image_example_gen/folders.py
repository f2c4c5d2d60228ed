"""Images in a folder per class: a walk that needs nothing but the standard library."""

from __future__ import annotations

import dataclasses
import difflib
import os
import unicodedata

from common.errors import BadInput
from components.image_example_gen.problems import CONVERT, Problem

SUFFIXES = (".jpg", ".jpeg", ".png")
OTHER_IMAGES = (".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2", ".svg")
SYSTEM = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
"""Folders that archives, disks and network drives leave; what lies in them is not people's."""

_BESIDE = "the image lies beside the class folders"


@dataclasses.dataclass(frozen=True)
class Scan:
    """What lies in the class folders: (name below the base, class) of each image, sorted; and what is no use.

    ignored: how many files are neither images nor hidden.
    """

    files: list[tuple[str, str]]
    classes: list[str]
    problems: list[Problem]
    ignored: int


def scan(base: str) -> Scan:
    """Walks DIR/<class>/**; hidden files, and hidden folders and those of the system, do not count; links are followed.

    Raises BadInput when the folder is not there, cannot be read or holds no class folder.
    """
    if os.path.isfile(base):
        raise BadInput(f"{base}: is a file; images: folders needs the folder that the class folders lie in")
    if not os.path.isdir(base):
        raise missing(base)
    walk = _Walk()
    names = walk.list(base, "")
    if names is None:
        (problem,) = walk.problems
        raise BadInput(f"{base}: {problem.what}; {problem.mend}")
    classes: list[str] = []
    for entry in names:
        kind = walk.kind(entry, entry.name)
        if kind == "folder":
            classes += walk.class_folder(entry, _identity(base))
        elif kind == "file" and entry.name.lower().endswith((*SUFFIXES, *OTHER_IMAGES)):
            walk.problems.append(
                Problem(
                    entry.name,
                    _BESIDE,
                    "move it into the folder of its class",
                )
            )
        elif kind == "file":
            walk.ignored += 1
    if not classes and all(problem.what == _BESIDE for problem in walk.problems):
        above = ", and give the folder that these lie in" if walk.problems else ""
        raise BadInput(
            f"{base}: there is no class folder in it; put the images of each class into a folder{above}"
        )
    return Scan(sorted(walk.files), list(dict.fromkeys(classes)), walk.problems, walk.ignored)


def missing(path: str) -> BadInput:
    """The error for a path that is not there, with the nearest names that are."""
    folder, wanted = os.path.split(os.path.abspath(path))
    while not os.path.isdir(folder):
        folder, wanted = os.path.split(folder)
    near = difflib.get_close_matches(wanted, sorted(os.listdir(folder)), n=3, cutoff=0.4)
    hint = f"nearest in {folder}: {', '.join(near)}" if near else f"there is nothing like it in {folder}"
    return BadInput(f"{path}: no such file or folder; {hint}")


class _Walk:
    """Gathers files and problems over all class folders."""

    def __init__(self) -> None:
        self.files: list[tuple[str, str]] = []
        self.problems: list[Problem] = []
        self.ignored = 0

    def class_folder(self, entry: os.DirEntry[str], base: tuple[int, int]) -> list[str]:
        """[the class], or nothing when the folder is no use; its images are kept with the class."""
        files, problems = len(self.files), len(self.problems)
        if not _is_utf8(entry.name):
            self.problems.append(Problem(entry.name, "the folder's name is not UTF-8", "rename the folder"))
            return []
        # Mac OS takes accents apart in file names: the same folder copied elsewhere is the same class.
        label = unicodedata.normalize("NFC", entry.name)
        self._folder(entry.path, entry.name, label, (base,))
        if len(self.files) == files and len(self.problems) == problems:
            self.problems.append(
                Problem(
                    entry.name,
                    "the class folder holds no JPEG or PNG image",
                    "add images, or take the folder out",
                )
            )
        return [label] if len(self.files) > files else []

    def list(self, path: str, name: str) -> list[os.DirEntry[str]] | None:
        """The entries of a folder, sorted by name, without hidden ones; None when it cannot be read."""
        try:
            with os.scandir(path) as entries:
                return sorted((e for e in entries if not _is_hidden(e.name)), key=lambda e: e.name)
        except OSError as error:
            self.problems.append(_unreadable(name, error))
            return None

    def kind(self, entry: os.DirEntry[str], name: str) -> str:
        """`folder` or `file`, links followed; nothing for what is neither, which is a problem."""
        try:
            if entry.is_dir():
                return "folder"
            # A link to nothing is told when it is read; to read from a pipe would take for ever.
            if entry.is_file() or not os.path.exists(entry.path):
                return "file"
            problem = Problem(name, "is neither a file nor a folder", "take it out")
        except OSError as error:
            problem = Problem(name, f"the link leads nowhere ({error.strerror})", "take the link out")
        self.problems.append(problem)
        return ""

    def _folder(self, path: str, name: str, label: str, above: tuple[tuple[int, int], ...]) -> None:
        try:
            identity = _identity(path)
        except OSError as error:
            self.problems.append(_unreadable(name, error))
            return
        if identity in above:
            self.problems.append(
                Problem(name, "the link leads back to a folder that it lies in", "take the link out")
            )
            return
        for entry in self.list(path, name) or []:
            inner = f"{name}/{entry.name}"
            kind = self.kind(entry, inner)
            if kind == "folder":
                self._folder(entry.path, inner, label, (*above, identity))
            elif not kind:
                continue
            elif not entry.name.lower().endswith((*SUFFIXES, *OTHER_IMAGES)):
                self.ignored += 1
            elif not _is_utf8(inner):
                self.problems.append(Problem(inner, "the file's name is not UTF-8", "rename the file"))
            elif inner.lower().endswith(OTHER_IMAGES):
                self.problems.append(Problem(inner, "is neither a JPEG nor a PNG", CONVERT))
            else:
                self.files.append((inner, label))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM


def _unreadable(name: str, error: OSError) -> Problem:
    return Problem(name, f"the folder cannot be read ({error.strerror})", "give the right to read it")


def _identity(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
