"""Docker or Kubernetes is looked for before a run that needs it, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import BadInput
from pipeline import config, serving_platform

INFRA_VALIDATOR = "serving_check.with=infra_validator"


def section(*overrides: str) -> serving_platform.ServingCheck:
    return config.load("penguin", overrides).serving_check


def said(*overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        serving_platform.check(section(INFRA_VALIDATOR, *overrides))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_docker(tmp_path: Path) -> None:
    socket = f"unix://{tmp_path}/none.sock"
    assert said(f"serving_check.infra_validator.docker_host={socket}") == (
        f"serving_check.with: infra_validator needs Docker, and none answers at {socket}; start it, or take"
        " serving_check.with: embedded, which needs neither Docker nor Kubernetes"
    )


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in serving_platform.KUBEFLOW:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_cluster")
def test_no_kubeflow() -> None:
    assert said("serving_check.infra_validator.platform=kubernetes").startswith(
        "serving_check.infra_validator.platform: kubernetes works inside Kubeflow Pipelines only, and this is no step"
        " of one; run it there, or take"
    )


@pytest.mark.usefixtures("no_cluster")
def test_inside_kubeflow(monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes = section(INFRA_VALIDATOR, "serving_check.infra_validator.platform=kubernetes")
    with pytest.raises(BadInput):
        serving_platform.check(kubernetes)
    for name in serving_platform.KUBEFLOW:
        monkeypatch.setenv(name, "x")
    serving_platform.check(kubernetes)


@pytest.mark.parametrize(
    "overrides", [[], [INFRA_VALIDATOR, "serving_check.enabled=false"]], ids=["embedded", "disabled"]
)
def test_nothing_is_looked_for_where_nothing_is_needed(overrides: list[str], tmp_path: Path) -> None:
    nowhere = f"serving_check.infra_validator.docker_host=unix://{tmp_path}/none.sock"
    assert "needs Docker" in said(nowhere)
    serving_platform.check(section(nowhere, *overrides))
