"""The files in a folder per class: a walk that needs nothing but the standard library."""

from __future__ import annotations

import os
from collections.abc import Sequence

from common.errors import BadInput
from components.columnar_example_gen import inputs

SUFFIXES = (".txt", ".txt.gz", ".txt.zst")


def names(base: str) -> list[str]:
    """`class/.../file` of every text below the base, sorted; hidden files and folders do not count.

    Raises BadInput when there is no such folder, no class folder, a class folder without a text, a text beside the
    class folders, or a name that is not UTF-8.
    """
    if os.path.isfile(base):
        raise BadInput(f"{base}: is a file; text: folders needs the folder that the class folders lie in")
    if not os.path.isdir(base):
        raise inputs.nothing(base)
    entries = sorted(name for name in os.listdir(base) if not name.startswith("."))
    beside = [name for name in entries if _is_text(name) and os.path.isfile(os.path.join(base, name))]
    classes = [name for name in entries if os.path.isdir(os.path.join(base, name))]
    if not classes:
        above = ", and give the folder that these lie in" if beside else ""
        raise BadInput(
            f"{base}: there is no class folder in it; put the texts of each class into a folder{above}"
        )
    if beside:
        raise BadInput(
            f"{os.path.join(base, beside[0])}: lies beside the class folders; move it into the folder of its class"
        )
    return sorted(name for folder in classes for name in _of_class(base, folder))


def _of_class(base: str, folder: str) -> Sequence[str]:
    found = []
    for path, folders, files in os.walk(os.path.join(base, folder), onerror=_unreadable, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = [
            os.path.relpath(os.path.join(path, name), base) for name in files if not name.startswith(".")
        ]
        found += [name for name in inside if _is_text(name)]
    if not found:
        raise BadInput(
            f"{os.path.join(base, folder)}: the class folder holds no text ({', '.join(SUFFIXES)}); add texts, or take"
            " the folder out"
        )
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise BadInput(f"{base}: {name!a}: the file's name is not UTF-8; rename it") from None
    return found


def _is_text(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _unreadable(error: OSError) -> None:
    raise BadInput(
        f"{error.filename}: the folder cannot be read ({error.strerror}); give the right to read it"
    )
