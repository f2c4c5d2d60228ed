"""Becomes a Beam worker in this environment, as Beam's containers do at their start: `mlpipe-worker`.

A runner calls it with the addresses of its services (engine `flink`), or a worker pool does (`--container_executable`).
Packages that the job ships are installed into a folder of the worker's own, ahead of all that is there. It imports
nothing of this repository: the file alone, with `apache-beam` installed, serves a host that does not have the rest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability import common_urns
from apache_beam.portability.api import (
    beam_artifact_api_pb2,
    beam_artifact_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    beam_runner_api_pb2,
    endpoints_pb2,
)
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format, text_format

_PACKAGES = (".tar.gz", ".whl", ".zip")


def main() -> None:
    """Asks for the job's facts, installs what it ships, and becomes Beam's own worker."""
    given = _arguments(sys.argv[1:])
    info = _ask(given.provision_endpoint, given.id)
    os.environ.update(
        WORKER_ID=given.id,
        PIPELINE_OPTIONS=json_format.MessageToJson(info.pipeline_options),
        LOGGING_API_SERVICE_DESCRIPTOR=_service(info.logging_endpoint.url or given.logging_endpoint),
        CONTROL_API_SERVICE_DESCRIPTOR=_service(info.control_endpoint.url or given.control_endpoint),
        RUNNER_CAPABILITIES=" ".join(info.runner_capabilities),
    )
    packages = _packages(info.dependencies)
    if packages:
        site = _install(packages, info.artifact_endpoint.url or given.artifact_endpoint)
        paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        # This process may have imported from elsewhere what has just been installed.
        os.execv(sys.executable, [sys.executable, "-m", sdk_worker_main.__name__])
    sdk_worker_main.main([])


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mlpipe-worker", description=__doc__)
    for name in ("id", "provision_endpoint"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("logging_endpoint", "artifact_endpoint", "control_endpoint"):
        parser.add_argument(f"--{name}", default="")
    return parser.parse_args(words)


def _service(url: str) -> str:
    return str(text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url)))


def _ask(address: str, worker: str) -> Any:
    with grpc.insecure_channel(address) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return stub.GetProvisionInfo(request, metadata=[("worker_id", worker)]).info


def _packages(artifacts: Sequence[Any]) -> dict[str, Any]:
    """Those of a job's files that are packages, by the names that they were sent with."""
    payload = beam_runner_api_pb2.ArtifactStagingToRolePayload
    sent = [
        (Path(payload.FromString(artifact.role_payload).staged_name).name, artifact)
        for artifact in artifacts
        if artifact.role_urn == common_urns.artifact_roles.STAGING_TO.urn
    ]
    return {name: artifact for name, artifact in sent if name.endswith(_PACKAGES)}


def _install(packages: Mapping[str, Any], address: str) -> Path:
    """The folder that the packages of an artifact service were installed into."""
    folder = Path(tempfile.mkdtemp(prefix="mlpipe-worker-"))
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        stub = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(channel)
        for name, artifact in packages.items():
            request = beam_artifact_api_pb2.ResolveArtifactsRequest(artifacts=[artifact])
            with (folder / name).open("wb") as file:
                for part in stub.ResolveArtifacts(request).replacements:
                    blocks = stub.GetArtifact(beam_artifact_api_pb2.GetArtifactRequest(artifact=part))
                    file.writelines(block.data for block in blocks)
    site = folder / "site"
    # What the packages need is part of the worker's environment, and building one needs its setuptools alone.
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "-q"]
    files = [str(folder / name) for name in packages]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), *files]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return site


if __name__ == "__main__":
    main()
