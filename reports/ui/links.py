"""Addresses of the app's pages; names become parts of them in no other way."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode


def pipeline(name: str, **query: Any) -> str:
    """The runs of a pipeline, with filters; those that are empty are left out."""
    return _address("pipelines", name, query=query)


def metrics(name: str, **query: Any) -> str:
    """The metrics of a pipeline over time."""
    return _address("pipelines", name, "metrics", query=query)


def models(name: str, **query: Any) -> str:
    """The models that a pipeline pushed."""
    return _address("pipelines", name, "models", query=query)


def run(name: str, run_id: str) -> str:
    """One run."""
    return _address("pipelines", name, "runs", run_id)


def progress(name: str, run_id: str) -> str:
    """The part of a run's page that changes while it goes on."""
    return _address("pipelines", name, "progress", run_id)


def compare(name: str, before: str = "", after: str = "") -> str:
    """Two runs side by side."""
    return _address("pipelines", name, "compare", query={"before": before, "after": after})


def what_if(name: str, version: int, against: int | None = None) -> str:
    """A pushed model, or two, asked about examples that one edits."""
    return _address("what-if", name, query={"version": version, "against": against})


def artifact(artifact_id: int) -> str:
    """One artifact."""
    return _address("artifacts", str(artifact_id))


def _address(*parts: str, query: dict[str, Any] | None = None) -> str:
    given = {key: value for key, value in (query or {}).items() if value not in ("", None)}
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    return f"{path}?{urlencode(given)}" if given else path
