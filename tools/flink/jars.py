"""The jars of a cluster and of Beam's job server for it: fetched by Maven as a pom.xml pins them, once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from common.errors import BadInput
from tools.bootstrap import locked, say

POM = Path(__file__).with_name("pom.xml")


def ensure(root: Path, pom: Path | None = None) -> Path:
    """The folder with the jars of a pom.xml (default: Flink's), below `.cache` of the checkout.

    Maven asks where the user's own settings say (`~/.m2/settings.xml`), else Maven Central.

    Raises:
      BadInput: there is no Java, or the jars cannot be had: one line that says why.
    """
    for program, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise BadInput(f"no {program} on PATH; on Debian: apt-get install {package}")
    pom = pom or POM
    cache = root / ".cache" / pom.parent.name
    jars = cache / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if jars.is_dir():
        return jars
    with locked(cache.with_suffix(".lock")):
        if not jars.is_dir():
            part = cache / "jars.part"
            shutil.rmtree(part, ignore_errors=True)
            say(f"fetching jars with Maven, to {jars}")
            _copy(pom, part)
            os.replace(part, jars)
    return jars


def _copy(pom: Path, folder: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = subprocess.run(
        ["mvn", "-B", "-q", "-f", str(pom), *goal],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        why = errors[0].removeprefix("[ERROR]").strip() if errors else done.stdout.strip()[-300:]
        raise BadInput(f"mvn could not fetch the jars of {pom.parent.name}/pom.xml: {why}")
