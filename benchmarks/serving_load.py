"""Requests per second and latencies of the model server under load, beside the same model called directly.

    python -m benchmarks.serving_load [--models penguin fashion resnet20 resnet18] [--clients 1 8 32] [--seconds S] [--folder F]

Server, clients and direct calls are processes of their own. The direct rate is measured before and after the server's
and the higher of the two counts: row by row for the server without batching, in the best batches for the one with it.
`others` is what processes beside server and clients took of the cores: a figure means little where that is not near 0.
`--folder` keeps the models (`benchmarks.serving_models`) for the next time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import REPOSITORY, command
from benchmarks.serving_process import PROTOCOLS, Bystanders, load, result, serving

MODELS = ("penguin", "fashion", "resnet20", "resnet18")
WAYS = ("single", "batched", "two_callers")
BATCHING = """
max_batch_size { value: 16 }
batch_timeout_micros { value: 2000 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 64 }
"""
# Small models lose more than they gain from several threads per operation; requests run beside each other anyway.
FLAGS = ["--tensorflow_intra_op_parallelism=1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--batching", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    print(
        "| model | batching | protocol | clients | requests/s | p50 ms | p99 ms | direct/s | ratio | others |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch) / "load"
        build_models(folder)
        for model in given.models:
            for row in rows(model, folder, Path(scratch), given):
                print("| " + " | ".join(row) + " |", flush=True)


def build_models(folder: Path) -> None:
    """Writes models and requests where they are not there yet."""
    if not all((folder / "requests" / f"{model}.rest").exists() for model in MODELS):
        folder.mkdir(parents=True, exist_ok=True)
        command([sys.executable, "-m", "benchmarks.serving_models", str(folder)], folder / "log")


def rows(model: str, folder: Path, scratch: Path, given: argparse.Namespace) -> Iterator[list[str]]:
    """The lines of a model's table, a measurement each."""
    before = direct(model, folder)
    measured = [row for batching in given.batching for row in served(model, batching, folder, scratch, given)]
    after = direct(model, folder)
    best = {way: max(before[way], after[way]) for way in WAYS}
    for batching, protocol, clients, seen, others in measured:
        rate = best["batched" if batching == "on" else "single"]
        yield [
            *(model, batching, protocol, str(clients), f"{seen['per_second']:,.0f}"),
            *(f"{seen['p50_ms']:.1f}", f"{seen['p99_ms']:.1f}"),
            *(f"{rate:,.0f}", f"{seen['per_second'] / rate:.2f}", f"{others:.1f}"),
        ]
    print(f"{model}: two callers in batches {best['two_callers']:,.0f}/s", file=sys.stderr)


def served(
    model: str, batching: str, folder: Path, scratch: Path, given: argparse.Namespace
) -> Iterator[tuple[str, str, int, dict, float]]:
    """What the clients saw and how busy others were, for each protocol and number of clients. Raises RuntimeError when a request failed."""
    parameters = scratch / "batching.txt"
    parameters.write_text(BATCHING)
    flags = ["--enable_batching", f"--batching_parameters_file={parameters}"] if batching == "on" else []
    with serving(model, folder / "models" / model, scratch, flags) as server:
        for protocol in given.protocols:
            for clients in given.clients:
                body = folder / "requests" / f"{model}.{protocol}"
                bystanders = Bystanders(server)
                seen = result(load(server, protocol, body, clients, given.seconds))
                if seen["failures"]:
                    raise RuntimeError(f"{model} over {protocol}: {seen['failures']}")
                yield batching, protocol, clients, seen, bystanders.cores()


def direct(model: str, folder: Path) -> dict[str, float]:
    """Rows per second of the loaded model in a process of its own, with as many threads per operation as suit it."""
    arguments = [str(folder / "models" / model / "1"), str(folder / "requests" / f"{model}.grpc")]
    seen = []
    for threads in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.serving_direct", *arguments, threads],
            cwd=REPOSITORY,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        seen.append(json.loads(done.stdout))
    return {way: max(rates[way] for rates in seen) for way in WAYS}


if __name__ == "__main__":
    main()
