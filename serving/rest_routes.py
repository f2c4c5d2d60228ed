"""What a path of the REST API asks for."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.errors import invalid_argument
from serving.rest_errors import NoSuchPage

_MODEL = r"/v1/models/(?P<model>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"{_MODEL}{_VERSION}:(?P<verb>classify|regress|predict)", re.IGNORECASE)
_ABOUT = re.compile(rf"(?:{_MODEL}|/v1/models){_VERSION}(?P<metadata>/metadata)?", re.IGNORECASE)
_INSIDE = re.compile("/v1/.*", re.IGNORECASE)

_APIS = {"classify": "Classify", "regress": "Regress", "predict": "Predict"}


class Route(NamedTuple):
    """The API (`Predict`, `Classify`, `Regress`, `GetModelStatus`, `GetModelMetadata`) and the model it is for."""

    api: str
    spec: ModelSpec


def find_route(method: str, path: str) -> Route:
    """The route of a request; `path` as it was sent, with its percent signs and query.

    Names and labels may hold anything but `/` and `:`, which have to be encoded. Raises
    INVALID_ARGUMENT `Malformed request: GET /v1/...`, and NoSuchPage outside of /v1.
    """
    found = None
    if method == "POST":
        found = _INFERENCE.fullmatch(path)
        api = _APIS.get(found["verb"], "") if found else ""
    elif method == "GET":
        found = _ABOUT.fullmatch(path)
        api = "GetModelMetadata" if found and found["metadata"] == "/metadata" else "GetModelStatus"
    if found is None or not api:
        if not _INSIDE.fullmatch(path):
            raise NoSuchPage(method, path)
        raise invalid_argument(f"Malformed request: {method} {path}")
    if not found["model"]:
        raise invalid_argument("Missing model name in request.")
    spec = ModelSpec(name=_decoded(found["model"]))
    if found["version"]:
        number = int(found["version"].lstrip("0")[:20] or "0")
        if number >= 2**63:
            raise invalid_argument(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = number
    elif found["label"]:
        spec.version_label = _decoded(found["label"])
    return Route(api, spec)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")
