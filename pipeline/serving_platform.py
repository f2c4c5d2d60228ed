"""Whether what a ServingCheck needs beside this project is there, before a run starts."""

from __future__ import annotations

import os

from common.errors import BadInput
from pipeline.sections import InfraValidator, ServingCheck

KUBEFLOW = ("KUBERNETES_SERVICE_HOST", "KFP_POD_NAME", "KFP_NAMESPACE")
"""What the environment of a step of Kubeflow Pipelines has, and TFX's InfraValidator asks for."""

_INSTEAD = "or take serving_check.with: embedded, which needs neither Docker nor Kubernetes"


def check(section: ServingCheck) -> None:
    """Looks for Docker or Kubernetes where the configuration asks for TFX's InfraValidator.

    Raises:
      BadInput: it is not there.
    """
    if not section.enabled or section.with_ != "infra_validator":
        return
    if section.infra_validator.platform == "docker":
        _docker(section.infra_validator)
    elif not all(os.environ.get(name) for name in KUBEFLOW):
        raise BadInput(
            "serving_check.infra_validator.platform: kubernetes works inside Kubeflow Pipelines only, and this is no"
            f" step of one; run it there, {_INSTEAD}"
        )


def _docker(section: InfraValidator) -> None:
    import docker

    try:
        client = docker.DockerClient(base_url=section.docker_host)
        client.ping()
    except docker.errors.DockerException:
        where = section.docker_host or "the local socket"
        raise BadInput(
            f"serving_check.with: infra_validator needs Docker, and none answers at {where}; start it, {_INSTEAD}"
        ) from None
    client.close()
