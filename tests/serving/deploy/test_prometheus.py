"""Scrape configurations by Prometheus' rules, and what they find."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from serving.deploy.files import files
from serving.deploy.settings import Settings

SETTINGS = Settings({"penguin": Path("/p")}, 1000, namespace="models")
RELABEL_KEYS = {"source_labels", "separator", "target_label", "regex", "replacement", "action"}
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

POD = {
    "__address__": "10.0.0.7:8500",
    "__meta_kubernetes_namespace": "models",
    "__meta_kubernetes_pod_name": "mlpipe-serving-1",
    "__meta_kubernetes_pod_ip": "10.0.0.7",
    "__meta_kubernetes_pod_container_port_name": "rest",
    "__meta_kubernetes_pod_label_app_kubernetes_io_name": "mlpipe-serving",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_annotation_prometheus_io_port": "8501",
    "__meta_kubernetes_pod_annotation_prometheus_io_path": "/monitoring/prometheus/metrics",
}


def job(name: str) -> dict[str, Any]:
    document = yaml.safe_load(files(SETTINGS)[f"prometheus/{name}.yaml"])
    assert document.keys() == {"global", "scrape_configs"}
    assert document["global"] == {"scrape_interval": "15s"}
    (found,) = document["scrape_configs"]
    return dict(found)


def relabelled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """The labels after the rules, as Prometheus documents them; None when the target is dropped."""
    labels = dict(labels)
    for rule in rules:
        assert rule.keys() <= RELABEL_KEYS
        assert all(LABEL.fullmatch(label) for label in rule["source_labels"])
        value = rule.get("separator", ";").join(labels.get(label, "") for label in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        if rule.get("action", "replace") == "keep":
            if not match:
                return None
        elif match:
            labels[rule["target_label"]] = match[1]
    return labels


def test_compose() -> None:
    assert job("compose") == {
        "job_name": "mlpipe-serving",
        "metrics_path": "/monitoring/prometheus/metrics",
        "static_configs": [{"targets": ["serving:8501"]}],
    }


def test_pods_are_found_by_their_annotations() -> None:
    found = job("kubernetes")
    assert found["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["models"]}}]
    labels = relabelled(POD, found["relabel_configs"])
    assert labels is not None
    assert labels["__address__"] == "10.0.0.7:8501"
    assert labels["__metrics_path__"] == "/monitoring/prometheus/metrics"
    assert (labels["pod"], labels["namespace"]) == ("mlpipe-serving-1", "models")


def test_other_pods_and_ports_are_left_out() -> None:
    rules = job("kubernetes")["relabel_configs"]
    for key, other in (
        ("__meta_kubernetes_pod_label_app_kubernetes_io_name", "other"),
        ("__meta_kubernetes_pod_annotation_prometheus_io_scrape", "false"),
        ("__meta_kubernetes_pod_container_port_name", "grpc"),
    ):
        assert relabelled({**POD, key: other}, rules) is None
