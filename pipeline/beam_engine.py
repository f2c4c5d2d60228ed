"""What the engine of a configuration is in Beam's own options, and whether it answers."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

from common.errors import UserError
from pipeline.beam_settings import LOCAL_RUNNER, Beam

_LOCAL = (f"--runner={LOCAL_RUNNER}", "--direct_running_mode=in_memory")
_PATIENCE = 5
_SETUP_FILE = Path(__file__).parents[1] / "setup.py"
# A worker stays a while for the job's next stage: its start costs seconds.
_CACHE = "--environment_cache_millis=30000"


def arguments(section: Beam) -> list[str]:
    """Beam's options, those of the file last, so that they win."""
    found = [*_engine(section), "--no_pipeline_type_check"]
    if section.worker_image is not None:
        found.append(f"--sdk_container_image={section.worker_image}")
    elif section.engine != "dataflow":
        # An image is named, though nothing runs in it: without one TFX packs itself anew for every component.
        found.append("--sdk_container_image=none")
    if section.setup_file:
        found.append(f"--setup_file={_SETUP_FILE}")
    return [*found, *section.options]


def check(section: Beam) -> None:
    """Looks for what a run will need: the job service, workers on the same host, Flink and its slots.

    Raises:
      UserError: it is not there.
    """
    if section.setup_file and not _SETUP_FILE.is_file():
        raise UserError(
            "beam.setup_file: this mlpipe is installed without its setup.py; run it from a checkout, or name an image"
            " that has it (beam.worker_image)"
        )
    if section.job_endpoint is None:
        return
    _connect("beam.job_endpoint", section.job_endpoint, "job service")
    if section.workers and _host(section.workers) == _host(section.job_endpoint):
        _connect("beam.workers", section.workers, "worker pool")
    if section.engine in ("flink", "spark"):
        if str(_worker()) in _workers(section)[1] and not _worker().exists():
            raise UserError(
                f"beam.worker_command: {_worker()} is not there; make setup, or name the workers' own"
            )
        _check_flink(section)


def _engine(section: Beam) -> list[str]:
    if section.engine == "local":
        return list(_LOCAL)
    if section.engine == "dataflow":
        keys = ("project", "region", "temp_location")
        return ["--runner=DataflowRunner", *(f"--{key}={getattr(section, key)}" for key in keys)]
    found = ["--runner=PortableRunner", f"--job_endpoint={section.job_endpoint}", *_workers(section)]
    if section.engine in ("flink", "spark"):
        found.append(_CACHE)
        for key in ("flink_master", "parallelism"):
            value = getattr(section, key)
            if value is not None:
                found.append(f"--{key}={value}")
    return found


def _workers(section: Beam) -> tuple[str, str]:
    if section.workers is not None:
        kind, config = "EXTERNAL", section.workers
    elif section.worker_image is not None:
        kind, config = "DOCKER", section.worker_image
    else:
        kind, config = "PROCESS", json.dumps({"command": section.worker_command or str(_worker())})
    return f"--environment_type={kind}", f"--environment_config={config}"


def _worker() -> Path:
    return Path(sys.executable).with_name("mlpipe-worker")


def _check_flink(section: Beam) -> None:
    if section.flink_master is None:
        return
    try:
        with urllib.request.urlopen(f"http://{section.flink_master}/overview", timeout=_PATIENCE) as answer:
            slots = int(json.load(answer)["slots-total"])
    except urllib.error.URLError as error:
        why = getattr(error.reason, "strerror", None) or error.reason
        raise UserError(
            f"beam.flink_master: no Flink answers at {section.flink_master} ({why}); start it, or take beam.engine: local"
        ) from None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"beam.flink_master: what answers at {section.flink_master} is not Flink's REST service ({error!r})"
        ) from None
    if slots < (section.parallelism or 1):
        raise UserError(
            f"beam.parallelism: {section.parallelism or 1}, but the Flink at {section.flink_master} has {slots} task"
            " slots; start more task managers, or ask for less"
        )


def _connect(key: str, address: str, what: str) -> None:
    try:
        socket.create_connection((_host(address), int(address.rpartition(":")[2])), _PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"{key}: no {what} answers at {address} ({error.strerror or error}); start it, or take beam.engine: local"
        ) from None


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
