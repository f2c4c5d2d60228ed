"""The page of an artifact: what it is, what it was made from, and what came of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd
from starlette.requests import Request
from starlette.responses import HTMLResponse

from common import remote_files
from common.errors import BadInput, UserError
from pipeline import companions, facts, lineage, metadata
from pipeline.metadata import Store
from pipeline.runs import EVALUATION
from reports.ui import lineage_graph, links, live, pages
from reports.ui.index import Index, Row
from reports.ui.layout import response

_MOST_FILES = 200
_MOST_EVALUATIONS = 50


def artifact(request: Request) -> HTMLResponse:
    """One artifact with its graphs, both clickable."""
    text = str(request.path_params["artifact"])
    # MLMD's ids are of 64 bits.
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise BadInput(f"There is no artifact {text!r}: its id is a whole number.")
    with request.app.state.stores.borrow() as store:
        found = metadata.artifacts(store, [int(text)])
        if not found:
            raise BadInput(f"There is no artifact {text}.")
        values = _values(store, found[0])
    evaluations = _evaluations(request, found[0], values["pipeline"])
    names = pages.metric_names(evaluations)
    return response(request, "ui/artifact.html", evaluations=evaluations, names=names, **values)


def _evaluations(request: Request, model: mlmd.Artifact, pipeline: str) -> list[Row]:
    """The evaluations of a model on unseen data, the last one first."""
    if model.type != "Model" or not pipeline:
        return []
    index: Index = request.app.state.index
    known = index.runs(pipeline, kind=EVALUATION)
    found = index.with_outcomes([row for row in known if row.model == model.id][:_MOST_EVALUATIONS])
    return [live.as_seen(request.app.state.home, row) for row in found]


def _values(store: Store, found: mlmd.Artifact) -> dict[str, Any]:
    pipeline = companions.owner(lineage.pipeline_of(store, found.id))
    before = lineage.upstream(store, found.id)
    after = lineage.downstream(store, found.id, most=lineage_graph.MOST_STEPS)
    count, latest = lineage.uses(store, found.id)
    described = facts.described(found)
    return {
        "crumbs": [
            *([(pipeline, links.pipeline(pipeline))] if pipeline else []),
            (f"{found.type} {found.id}", None),
        ],
        "artifact": found,
        "pipeline": pipeline,
        "gone": described["gone"],
        "created": described["created"],
        "maker": before.maker(found.id),
        "cached": (count, latest),
        "properties": {key: _shown(value) for key, value in metadata.properties(found).items()},
        "files": _remote_files(found.uri) if remote_files.is_remote(found.uri) else _files(Path(found.uri)),
        "most_files": _MOST_FILES,
        "upstream": lineage_graph.drawn(before, "upstream"),
        "downstream": lineage_graph.drawn(after, "downstream"),
    }


def _files(folder: Path) -> list[tuple[str, int]]:
    """(name below the folder, bytes) of the first files in an artifact's folder."""
    found: list[tuple[str, int]] = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(root, name)
            try:
                found.append((str(path.relative_to(folder)), path.lstat().st_size))
            except OSError:
                continue
            if len(found) > _MOST_FILES:
                return found
    return found


def _remote_files(uri: str) -> list[tuple[str, int]]:
    """The same of an artifact in an object store; none when it does not answer."""
    try:
        return [(file.name, file.bytes) for file in remote_files.files(uri)[: _MOST_FILES + 1]]
    except UserError:
        return []


def _shown(value: Any) -> str:
    """A property as text; JSON in lines."""
    parsed = facts.parsed(value, None) if isinstance(value, str) else None
    return (
        json.dumps(parsed, indent=1, ensure_ascii=False) if isinstance(parsed, (dict, list)) else str(value)
    )
