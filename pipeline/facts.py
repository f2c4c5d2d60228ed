"""What an artifact says of itself: its record in the metadata, and the small files in its folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common import remote_files
from common.errors import UserError
from components.serving_check.constants import REPORT
from pipeline import metadata, pushes
from pipeline.runs import iso

_SPLIT = "Split-"


def described(artifact: mlmd.Artifact) -> dict[str, Any]:
    """JSON-able facts: id, type, uri, created, gone (why its files are no more, or null), and those of its type."""
    found = {
        "id": artifact.id,
        "type": artifact.type,
        "uri": artifact.uri,
        "created": iso(artifact.create_time_since_epoch),
        "gone": gone(artifact),
    }
    recorded = metadata.properties(artifact)
    if artifact.type == "Examples":
        found["span"] = recorded.get("span", 0)
        found["version"] = recorded.get("version")
        found["splits"] = parsed(recorded.get("split_names"), [])
        found["fingerprint"] = recorded.get("input_fingerprint")
        found["files"] = parsed(recorded.get("input_files"), [])
    elif artifact.type == "Schema":
        found["sha256"] = _sha256(artifact, "schema.pbtxt")
    elif artifact.type == "ExampleAnomalies":
        found["anomalies"] = recorded.get("anomaly_count")
    elif artifact.type == "ModelBlessing":
        found["blessed"] = recorded.get("blessed") == 1
    elif artifact.type == "InfraBlessing":
        found["blessed"] = recorded.get("blessed") == 1
        found["check"] = parsed(_text(artifact, REPORT), None)
    elif artifact.type == "ModelEvaluation":
        found["verdict"] = verdict(artifact)
    elif artifact.type == "HyperParameters":
        found["values"] = parsed(_text(artifact, "best_hyperparameters.txt"), {}).get("values")
    elif artifact.type == "PushedModel":
        found["pushed"] = recorded.get("pushed") == 1
        found["version"] = int(recorded.get("pushed_version") or 0) or None
        found["destination"] = recorded.get("pushed_destination")
        found["served"] = _is_served(str(found["destination"])) if found["destination"] else False
    return found


def gone(artifact: mlmd.Artifact) -> str | None:
    """Why the files of an artifact are not there, None when they are."""
    if artifact.state == mlmd.Artifact.DELETED:
        return "deleted by mlpipe gc"
    try:
        here = _exists(artifact.uri)
    except UserError as error:
        return str(error)
    return None if here else "its folder is missing"


def verdict(artifact: mlmd.Artifact) -> dict[str, Any] | None:
    """The verdict beside a ModelEvaluation, None when it is not there."""
    return parsed(_text(artifact, "verdict.json"), None)


def of_splits(artifact: mlmd.Artifact, name: str) -> dict[str, bytes]:
    """Split -> the content of a file of that name; none where the files are not there."""
    try:
        if not remote_files.is_remote(artifact.uri):
            paths = sorted(Path(artifact.uri).glob(f"{_SPLIT}*/{name}"))
            return {path.parent.name.removeprefix(_SPLIT): path.read_bytes() for path in paths}
        splits = [one for one in remote_files.children(artifact.uri) if one.startswith(_SPLIT)]
        found = {one: remote_files.read(remote_files.join(artifact.uri, one, name)) for one in splits}
    except UserError:
        return {}
    return {one.removeprefix(_SPLIT): content for one, content in found.items() if content is not None}


def parsed(text: Any, default: Any) -> Any:
    """The value of a JSON text, `default` when it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return default


def _text(artifact: mlmd.Artifact, name: str) -> str | None:
    try:
        if remote_files.is_remote(artifact.uri):
            content = remote_files.read(remote_files.join(artifact.uri, name))
            return None if content is None else content.decode("utf-8")
        return Path(artifact.uri, name).read_text(encoding="utf-8")
    except (OSError, UserError, UnicodeDecodeError):
        return None


def _exists(uri: str) -> bool:
    return remote_files.exists(uri) if remote_files.is_remote(uri) else Path(uri).exists()


def _is_served(destination: str) -> bool | None:
    """None where the store does not say."""
    try:
        return pushes.is_there(destination)
    except UserError:
        return None


def _sha256(artifact: mlmd.Artifact, name: str) -> str | None:
    text = _text(artifact, name)
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
