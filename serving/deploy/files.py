"""All deployment files as text."""

from __future__ import annotations

from typing import Any

import yaml

from serving.deploy import compose, fill_models, kubernetes, model_server, prometheus
from serving.deploy.settings import Settings

HEADER = "# Written by `mlpipe export serving`, which writes it again: see docs/deploy-serving.md.\n"
FILL_MODELS = "fill-models.sh"


def files(settings: Settings) -> dict[str, str]:
    """Path below the output folder -> text."""
    documents = {
        "compose.yaml": compose.document(settings),
        "prometheus/compose.yaml": prometheus.for_compose(settings),
        "prometheus/kubernetes.yaml": prometheus.for_kubernetes(settings),
        "loader-pod.yaml": kubernetes.loader_pod(settings),
        **{f"kubernetes/{name}": made for name, made in kubernetes.manifests(settings).items()},
    }
    return {
        **{f"config/{name}": text for name, text in model_server.files(settings).items()},
        **{path: to_yaml(document) for path, document in documents.items()},
        FILL_MODELS: fill_models.script(settings),
    }


def to_yaml(document: dict[str, Any]) -> str:
    """YAML in the order of the document, texts of several lines as they are."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Literal blocks for texts of several lines; no anchors, which a reader would have to follow."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
