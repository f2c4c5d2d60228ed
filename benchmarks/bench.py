"""Runs the benchmarks and rewrites their tables in benchmarks/README.md: `make bench` (ONLY="scale data_path": some).

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`; it is what the command of the same name prints.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import REPOSITORY
from pipeline import fingerprint

PAGE = Path(__file__).parent / "README.md"
COMMANDS = {
    "stock_vs_ours_penguin": ["stock_vs_ours", "penguin", "--pairs", "2"],
    "stock_vs_ours_taxi": ["stock_vs_ours", "taxi", "--pairs", "2"],
    "plain_script": ["plain_script", "--pairs", "2"],
    "example_gen": ["example_gen", "--rows", "1000000", "--pairs", "1"],
    "data_path": ["data_path", "--rows", "200000", "--pairs", "1"],
    "data_path_million": ["data_path", "--rows", "1000000", "--pairs", "1"],
    "scale": ["scale"],
    "scale_example_gen": ["scale", "--rows", "1000000", "20000000", "--until", "ExampleGen"],
    "training_input": ["training_input"],
    "image_input": ["image_input"],
    "ui_pages": ["ui_pages"],
    "serving": ["serving_load", "--models", "penguin", "--clients", "1", "32"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*COMMANDS, []], help="default: all")
    for name in parser.parse_args().names or COMMANDS:
        module, *arguments = COMMANDS[name]
        lines = _measured([sys.executable, "-m", f"benchmarks.{module}", *arguments])
        print(f"{name}\n{lines}", flush=True)
        PAGE.write_text(replaced(PAGE.read_text(), name, f"{lines}\n{_conditions()}"))


def replaced(page: str, name: str, content: str) -> str:
    """The page with other content between the marks of a name. Raises ValueError where the marks are missing."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"{PAGE.name} needs one {begin} and one {end}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


def _measured(command: list[str]) -> str:
    """The table that a benchmark prints."""
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if line.startswith("|"))


def _conditions() -> str:
    names = ("tfx", "tensorflow", "apache-beam", "pyarrow")
    known = fingerprint.versions()
    versions = ", ".join(f"{name} {known[name]}" for name in names if name in known)
    return (
        f"{datetime.date.today()}: {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()},"
        f" {versions}."
    )


if __name__ == "__main__":
    main()
