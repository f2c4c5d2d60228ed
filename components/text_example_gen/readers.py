"""The reader of a format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.text_example_gen import files
from components.text_example_gen.conll import Conll
from components.text_example_gen.folders import Folders
from components.text_example_gen.options import TextOptions
from components.text_example_gen.parallel import Parallel
from components.text_example_gen.rows import Reader
from components.text_example_gen.table import Table
from components.text_example_gen.windows import Windows


def reader(base: str, pattern: str, found: Mapping[str, Sequence[str]], options: TextOptions) -> Reader:
    """What reads the files that were found (split -> paths), or the class folders in the one that was found."""
    if files.is_table(pattern, options):
        return Table(found[files.SPLIT], options)
    files.check_group(options)
    if options.text == "folders":
        [folder] = found[files.SPLIT]
        return Folders(folder, options)
    if options.text == "parallel":
        return Parallel(found[files.SOURCE], found[files.TARGET], options)
    return (
        Windows(base, found[files.SPLIT], options)
        if options.text == "windows"
        else Conll(found[files.SPLIT], options)
    )
