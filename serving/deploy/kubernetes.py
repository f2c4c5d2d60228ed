"""Kubernetes manifests of TF Serving over a volume of models."""

from __future__ import annotations

import hashlib
from typing import Any

from serving.deploy import model_server
from serving.deploy.settings import (
    CONFIG,
    GRPC_PORT,
    MEBIBYTE,
    METRICS_PATH,
    MODELS,
    REST_PORT,
    SERVER,
    USER,
    Settings,
)

CPU_UTILIZATION = 70
DRAIN_SECONDS = 15


def manifests(settings: Settings) -> dict[str, dict[str, Any]]:
    """File name -> object, of those that stay in the cluster."""
    return {
        "config-map.yaml": config_map(settings),
        "models-volume.yaml": models_volume(settings),
        "deployment.yaml": deployment(settings),
        "service.yaml": service(settings),
        "autoscaler.yaml": autoscaler(settings),
    }


def config_map(settings: Settings) -> dict[str, Any]:
    """The server's text files."""
    return {**_head("v1", "ConfigMap", settings), "data": model_server.files(settings)}


def models_volume(settings: Settings) -> dict[str, Any]:
    """The claim on a volume that all replicas read and the loader writes."""
    spec = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": f"{settings.storage // 2**30}Gi"}},
    }
    return {**_head("v1", "PersistentVolumeClaim", settings, f"{settings.name}-models"), "spec": spec}


def deployment(settings: Settings) -> dict[str, Any]:
    """The replicas; how many there are is the autoscaler's to say."""
    files = model_server.files(settings)
    # The server reads these two at its start alone, so that a change has to start it anew.
    read_once = files[model_server.BATCHING_FILE] + files[model_server.MONITORING_FILE]
    template = {
        "metadata": {
            "labels": _labels(settings),
            "annotations": {
                "mlpipe/config-sha256": hashlib.sha256(read_once.encode()).hexdigest(),
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(REST_PORT),
                "prometheus.io/path": METRICS_PATH,
            },
        },
        "spec": {
            **_pod_security(),
            "terminationGracePeriodSeconds": 60,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": _labels(settings)},
                }
            ],
            "containers": [_container(settings)],
            "volumes": [
                {
                    "name": "models",
                    "persistentVolumeClaim": {"claimName": f"{settings.name}-models", "readOnly": True},
                },
                {"name": "config", "configMap": {"name": settings.name}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }
    spec = {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": _labels(settings)},
        "template": template,
    }
    return {**_head("apps/v1", "Deployment", settings), "spec": spec}


def service(settings: Settings) -> dict[str, Any]:
    """One address for all replicas."""
    ports = [
        {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
        {"name": "rest", "port": REST_PORT, "targetPort": "rest", "appProtocol": "http"},
    ]
    spec = {"type": "ClusterIP", "selector": _labels(settings), "ports": ports}
    return {**_head("v1", "Service", settings), "spec": spec}


def autoscaler(settings: Settings) -> dict[str, Any]:
    """More replicas as the CPU is used; fewer only after five quiet minutes."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": CPU_UTILIZATION}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": settings.name},
        "minReplicas": settings.min_replicas,
        "maxReplicas": settings.max_replicas,
        "metrics": [{"type": "Resource", "resource": cpu}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
    return {**_head("autoscaling/v2", "HorizontalPodAutoscaler", settings), "spec": spec}


def loader_pod(settings: Settings) -> dict[str, Any]:
    """A pod that lives for an hour, through which models are copied to the volume."""
    container = {
        "name": "loader",
        "image": settings.image,
        "command": ["sleep", "3600"],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": _container_security(),
        "volumeMounts": [{"name": "models", "mountPath": MODELS}],
    }
    spec = {
        **_pod_security(),
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": f"{settings.name}-models"}}],
    }
    pod = {**_head("v1", "Pod", settings, f"{settings.name}-loader"), "spec": spec}
    # Not the servers' labels: the service must not send requests here.
    pod["metadata"]["labels"] = {"app.kubernetes.io/name": f"{settings.name}-loader"}
    return pod


def _container(settings: Settings) -> dict[str, Any]:
    first = next(iter(settings.models))
    status = {"httpGet": {"path": f"/v1/models/{first}", "port": "rest"}}
    # Answers once a version is loaded.
    metadata = {"httpGet": {"path": f"/v1/models/{first}/metadata", "port": "rest"}}
    memory = settings.memory // MEBIBYTE
    return {
        "name": "serving",
        "image": settings.image,
        "command": [SERVER],
        "args": model_server.arguments(),
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT},
            {"name": "rest", "containerPort": REST_PORT},
        ],
        # Up to ten minutes for the first load; then a server that does not answer for a minute is started anew.
        "startupProbe": {**metadata, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 120},
        "readinessProbe": {**metadata, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**status, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 6},
        # Until no new request comes any more.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_SECONDS)]}}},
        "resources": {
            "requests": {"cpu": str(settings.cpus), "memory": f"{memory}Mi"},
            "limits": {"memory": f"{2 * memory}Mi"},
        },
        "securityContext": _container_security(),
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS, "readOnly": True},
            {"name": "config", "mountPath": CONFIG, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def _pod_security() -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _container_security() -> dict[str, Any]:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _head(api_version: str, kind: str, settings: Settings, name: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name or settings.name, "labels": _labels(settings)}
    if settings.namespace:
        metadata["namespace"] = settings.namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _labels(settings: Settings) -> dict[str, str]:
    return {"app.kubernetes.io/name": settings.name}
