"""Load over both protocols while new versions take the place of old ones: no request may fail.

    python -m benchmarks.serving_swap [--seconds 30] [--swaps 5] [--clients 8] [--folder F]

Serves the penguin model. Each new version is a copy of the first, put into the served folder as a pusher does it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.serving_load import build_models
from benchmarks.serving_process import PROTOCOLS, Server, load, result, serving

MODEL = "penguin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8, help="of each protocol")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch) / "load"
        build_models(folder)
        sys.exit(swap(folder, Path(scratch), given.seconds, given.swaps, given.clients))


def swap(folder: Path, scratch: Path, seconds: float, swaps: int, clients: int) -> int:
    """Prints what the clients saw; 1 when a request failed or a version did not come up, else 0."""
    base_path = scratch / MODEL
    shutil.copytree(folder / "models" / MODEL, base_path)
    with serving(MODEL, base_path, scratch, ["--file_system_poll_wait_seconds=1"]) as server:
        running = {
            protocol: load(server, protocol, folder / "requests" / f"{MODEL}.{protocol}", clients, seconds)
            for protocol in PROTOCOLS
        }
        for version in range(2, swaps + 2):
            time.sleep(seconds / (swaps + 1))
            push(base_path, version)
        seen = {protocol: result(process) for protocol, process in running.items()}
        versions = settled(server, swaps + 1)
    for protocol, load_seen in seen.items():
        print(
            f"{protocol}: {load_seen['requests']} requests, {sum(load_seen['failures'].values())} failed, "
            f"p50 {load_seen['p50_ms']:.1f} ms, p99 {load_seen['p99_ms']:.1f} ms {load_seen['failures'] or ''}"
        )
    print("versions:", ", ".join(f"{version} {state}" for version, state in sorted(versions.items())))
    good = versions[swaps + 1] == "AVAILABLE" and not any(each["failures"] for each in seen.values())
    return 0 if good else 1


def push(base_path: Path, version: int) -> None:
    """Puts a copy of version 1 under another number, whole at once."""
    unfinished = base_path.parent / f"unfinished-{version}"
    shutil.copytree(base_path / "1", unfinished)
    unfinished.rename(base_path / str(version))


def settled(server: Server, newest: int, seconds: float = 20) -> dict[int, str]:
    """The versions' states once the newest one is available, or after so long."""
    deadline = time.monotonic() + seconds
    while (states := server.versions()).get(newest) != "AVAILABLE" and time.monotonic() < deadline:
        time.sleep(0.2)
    return {newest: "missing", **states}


if __name__ == "__main__":
    main()
