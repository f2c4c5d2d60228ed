"""Scrape configurations of Prometheus, for compose and for a cluster without the Prometheus operator."""

from __future__ import annotations

from typing import Any

from serving.deploy.settings import METRICS_PATH, REST_PORT, Settings

ANNOTATION = "__meta_kubernetes_pod_annotation_prometheus_io_"


def for_compose(settings: Settings) -> dict[str, Any]:
    """Scrapes the one server of the compose file."""
    job = {
        "job_name": settings.name,
        "metrics_path": METRICS_PATH,
        "static_configs": [{"targets": [f"serving:{REST_PORT}"]}],
    }
    return {"global": {"scrape_interval": "15s"}, "scrape_configs": [job]}


def for_kubernetes(settings: Settings) -> dict[str, Any]:
    """Finds the replicas by their label, and port and path by the pods' `prometheus.io/` annotations."""
    discovery: dict[str, Any] = {"role": "pod"}
    if settings.namespace:
        discovery["namespaces"] = {"names": [settings.namespace]}
    job = {
        "job_name": settings.name,
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": [
            {
                "source_labels": [
                    "__meta_kubernetes_pod_label_app_kubernetes_io_name",
                    f"{ANNOTATION}scrape",
                ],
                "regex": f"{settings.name};true",
                "action": "keep",
            },
            {
                # One target per pod: the discovery finds one per declared port.
                "source_labels": ["__meta_kubernetes_pod_container_port_name"],
                "regex": "rest",
                "action": "keep",
            },
            {"source_labels": [f"{ANNOTATION}path"], "target_label": "__metrics_path__", "regex": "(.+)"},
            {
                "source_labels": ["__meta_kubernetes_pod_ip", f"{ANNOTATION}port"],
                "separator": ":",
                "target_label": "__address__",
            },
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        ],
    }
    return {"global": {"scrape_interval": "15s"}, "scrape_configs": [job]}
