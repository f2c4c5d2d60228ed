"""Give the virtual environment's interpreter a newer C runtime of its own, where the host's glibc is too old.

ML Metadata and TFDV 1.21 ship Linux wheels for glibc 2.39 and newer. The interpreter of the environment becomes a
copy that starts with an unpacked newer `ld.so`, libc and libstdc++; the host and its own Python stay as they are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from common.errors import BadInput
from tools import apt_sources

NEEDED = (2, 39)
PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"
CONTAINER = "use a newer Debian or Ubuntu, or the container image: docker build -t mlpipe ."

# The host's hooks and pins are for its own packages: clearing them keeps its state untouched.
APT_CONFIG = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Sandbox::User "root";
Acquire::Retries "3";
Dir::State "{folder}/state";
Dir::State::Lists "{folder}/state/lists";
Dir::State::Status "/dev/null";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "{folder}/newer.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
"""


def host_glibc() -> tuple[int, int]:
    """Version of the C library that this process runs on; (0, 0) when it is not glibc."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        text = ""
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def give(venv: Path, patchelf: Path, etc: Path = Path("/etc")) -> None:
    """Replace the environment's interpreter by a copy that runs on its own C runtime.

    Raises BadInput, which names the container image, where the host has no way to it.
    """
    folder = venv / "c-runtime"
    folder.mkdir()
    libraries = _unpack(folder, etc)
    interpreter = venv / "bin/python"
    real = interpreter.resolve()
    copy = venv / "bin/python.new"
    shutil.copy2(real, copy)
    # The loader's path is written into the copy; a symbolic link there would be one more thing to break.
    loader = (libraries / LOADER).resolve()
    old_path = _run([str(patchelf), "--print-rpath", str(copy)]).strip()
    search = ":".join([str(libraries), *library_folders(old_path, real)])
    _run([str(patchelf), "--set-interpreter", str(loader), str(copy)])
    _run([str(patchelf), "--force-rpath", "--set-rpath", search, str(copy)])
    # Without it TensorFlow's libraries pull in the host's older one first.
    _run([str(patchelf), "--add-needed", "libstdc++.so.6", str(copy)])
    os.replace(copy, interpreter)
    for link in (venv / "bin").glob("python3*"):
        if link.is_symlink() and link.readlink() != Path("python"):
            link.unlink()
            link.symlink_to("python")
    verify(interpreter)


def library_folders(rpath: str, real: Path) -> list[str]:
    """Folders where the real interpreter finds its own libraries: its search path, `$ORIGIN` spelled out, and `../lib`."""
    origin = str(real.parent)
    folders = [entry.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for entry in rpath.split(":")]
    beside = real.parent.parent / "lib"
    if any(beside.glob("libpython3*.so*")):
        folders.append(str(beside))
    return list(dict.fromkeys(os.path.normpath(entry) for entry in folders if entry))


def verify(interpreter: Path) -> None:
    """Run the patched interpreter; raise BadInput unless it sees the newer glibc."""
    seen = _run([str(interpreter), "-c", "import os; print(os.confstr('CS_GNU_LIBC_VERSION'))"]).strip()
    version = tuple(int(part) for part in re.findall(r"\d+", seen)[:2])
    if version < NEEDED:
        raise BadInput(f"the C runtime of {interpreter} is {seen}, not glibc 2.39 or newer: {CONTAINER}")


def _unpack(folder: Path, etc: Path) -> Path:
    """Download the runtime's packages with apt as an ordinary user, unpack them, give their library folder."""
    missing = [tool for tool in ("apt-get", "dpkg", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise BadInput(
            f"glibc {_dotted(host_glibc())} is older than 2.39 and there is no {missing[0]}: {CONTAINER}"
        )
    source = derive_source(etc)
    (folder / "newer.sources").write_text(source)
    (folder / "apt.conf").write_text(APT_CONFIG.format(folder=folder))
    for name in ("state/lists/partial", "cache/archives/partial", "debs", "root"):
        (folder / name).mkdir(parents=True)
    apt = ["apt-get", "-q", "-c", str(folder / "apt.conf")]
    _run([*apt, "update", "--error-on=any"], what="apt-get update")
    _run([*apt, "download", *PACKAGES], cwd=folder / "debs", what="apt-get download")
    for package in sorted((folder / "debs").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder / "root")])
    for name in ("state", "cache", "debs", "root/usr/share"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return folder / "root" / LIBRARIES


def derive_source(etc: Path) -> str:
    """The one-suite source for the newer runtime, from the host's own configuration below `etc`."""
    release = etc / "os-release"
    host = apt_sources.host_distribution(release.read_text() if release.exists() else "")
    if host is None:
        raise BadInput(
            f"glibc {_dotted(host_glibc())} is older than 2.39 and this is neither Debian nor Ubuntu: {CONTAINER}"
        )
    distribution, codename = host
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    stanzas = apt_sources.read_host_stanzas(etc / "apt")
    source = apt_sources.newer_source(stanzas, distribution, codename, architecture)
    if source is None:
        raise BadInput(
            f"{etc / 'apt'} names no mirror with the suite {codename} and the component main, "
            f"from which a newer C runtime could be taken: {CONTAINER}"
        )
    return source


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)


def _run(command: list[str], cwd: Path | None = None, what: str | None = None) -> str:
    """Standard output; BadInput with the last line of what the command said when it fails."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("E:")] or said or [f"exit code {done.returncode}"]
        advice = f"check the network, or {CONTAINER}" if what else CONTAINER
        raise BadInput(f"{what or Path(command[0]).name} failed, {errors[0].strip()}: {advice}")
    return done.stdout
