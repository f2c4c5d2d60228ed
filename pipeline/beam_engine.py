"""What the engine of a configuration is in Beam's own options, and whether it answers."""

from __future__ import annotations

import socket

from common.errors import UserError
from pipeline.beam_settings import LOCAL_RUNNER, Beam

# An image is named, though nothing runs in it: without one TFX packs itself anew for every component.
_COMMON = ("--no_pipeline_type_check", "--sdk_container_image=none")
_LOCAL = (f"--runner={LOCAL_RUNNER}", "--direct_running_mode=in_memory")
_PATIENCE = 5


def arguments(section: Beam) -> list[str]:
    """Beam's options, those of the file last, so that they win."""
    own: tuple[str, ...] = _LOCAL
    if section.engine == "portable":
        own = (
            "--runner=PortableRunner",
            f"--job_endpoint={section.job_endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config={section.workers}",
        )
    return [*own, *_COMMON, *section.options]


def check(section: Beam) -> None:
    """Looks for the job service, and for the workers where they are on the same host.

    Raises:
      UserError: nothing answers there.
    """
    if section.job_endpoint is None or section.workers is None:
        return
    _connect("beam.job_endpoint", section.job_endpoint, "job service")
    if _host(section.workers) == _host(section.job_endpoint):
        _connect("beam.workers", section.workers, "worker pool")


def _connect(key: str, address: str, what: str) -> None:
    try:
        socket.create_connection((_host(address), int(address.rpartition(":")[2])), _PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"{key}: no {what} answers at {address} ({error.strerror or error}); start it, or take beam.engine: local"
        ) from None


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
