"""The manifests keep to Kubernetes' own schemas, and fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.deploy.files import files
from serving.deploy.kubernetes import CPU_UTILIZATION
from serving.deploy.settings import MEBIBYTE, Settings
from serving.options import parse_options
from serving.text_protos import BatchingParameters, MonitoringConfig

SETTINGS = Settings(
    {"penguin": Path("/srv/serving/penguin"), "taxi": Path("/data/taxi")},
    model_bytes=300 * MEBIBYTE,
    namespace="models",
)
OBJECTS = ("autoscaler", "config-map", "deployment", "models-volume", "service")
OLDEST, NEWEST = "1.27", "1.37"


def manifests(settings: Settings = SETTINGS) -> dict[str, Any]:
    """Name of the file -> the object."""
    return {
        Path(path).stem: yaml.safe_load(text)
        for path, text in files(settings).items()
        if path.startswith("kubernetes/") or path == "loader-pod.yaml"
    }


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("namespace", ["", "models"])
def test_all_objects_keep_to_the_schema(version: str, namespace: str) -> None:
    found = manifests(Settings({"m": Path("/m")}, 1000, namespace=namespace))
    assert sorted(found) == sorted([*OBJECTS, "loader-pod"])
    for made in found.values():
        kubernetes_validate.validate(made, version, strict=True)
        assert made["metadata"].get("namespace", "") == namespace


def test_the_schema_refuses_a_wrong_key() -> None:
    broken = manifests()["deployment"]
    broken["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_objects_name_each_other() -> None:
    found = manifests()
    pod = found["deployment"]["spec"]["template"]
    claim = found["models-volume"]["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes["models"]["persistentVolumeClaim"] == {"claimName": claim, "readOnly": True}
    assert volumes["config"]["configMap"]["name"] == found["config-map"]["metadata"]["name"]
    (container,) = pod["spec"]["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert found["service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert found["deployment"]["spec"]["selector"]["matchLabels"] == found["service"]["spec"]["selector"]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert named == {"grpc": 8500, "rest": 8501}
    assert {port["targetPort"] for port in found["service"]["spec"]["ports"]} == set(named)
    target = found["autoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", found["deployment"]["metadata"]["name"])
    assert "replicas" not in found["deployment"]["spec"]
    loader = found["loader-pod"]
    assert loader["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": claim}
    assert loader["metadata"]["labels"] != found["service"]["spec"]["selector"]


def test_no_container_has_rights() -> None:
    found = manifests()
    for pod in (found["deployment"]["spec"]["template"], found["loader-pod"]):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_memory_is_for_two_versions_side_by_side() -> None:
    (container,) = manifests()["deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "1280Mi"},
        "limits": {"memory": "2560Mi"},
    }
    assert manifests()["models-volume"]["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    assert Settings({"m": Path("/m")}, model_bytes=0).memory == 512 * MEBIBYTE
    assert Settings({"m": Path("/m")}, model_bytes=0).storage == 2**30


def test_probes_and_scaling() -> None:
    found = manifests()
    (container,) = found["deployment"]["spec"]["template"]["spec"]["containers"]
    paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert paths == {
        "startupProbe": "/v1/models/penguin/metadata",
        "readinessProbe": "/v1/models/penguin/metadata",
        "livenessProbe": "/v1/models/penguin",
    }
    spec = found["autoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == CPU_UTILIZATION


def test_the_server_takes_its_arguments_and_files(tmp_path: Path) -> None:
    found = manifests()
    (container,) = found["deployment"]["spec"]["template"]["spec"]["containers"]
    options = parse_options(container["args"])
    assert (options.port, options.rest_api_port, options.enable_batching) == (8500, 8501, True)
    data = found["config-map"]["data"]
    files_named = (
        options.model_config_file,
        options.batching_parameters_file,
        options.monitoring_config_file,
    )
    assert files_named == tuple(f"/config/{name}" for name in data)
    models, batching, monitoring = data.values()
    parsed = text_format.Parse(models, model_server_config_pb2.ModelServerConfig())
    assert [(m.name, m.base_path, m.model_platform) for m in parsed.model_config_list.config] == [
        ("penguin", "/models/penguin", "tensorflow"),
        ("taxi", "/models/taxi", "tensorflow"),
    ]
    assert text_format.Parse(batching, BatchingParameters()).max_batch_size.value == 128
    config = text_format.Parse(monitoring, MonitoringConfig()).prometheus_config
    assert config.enable
    annotations = found["deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == config.path


def test_a_change_of_what_is_read_once_starts_the_replicas_anew() -> None:
    def digest(settings: Settings) -> str:
        template = manifests(settings)["deployment"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["mlpipe/config-sha256"])

    models = {"m": Path("/m")}
    assert digest(Settings(models, 0, cpus=4)) != digest(Settings(models, 0, cpus=2))
    assert digest(Settings({"n": Path("/n")}, 0)) == digest(Settings(models, 0))
