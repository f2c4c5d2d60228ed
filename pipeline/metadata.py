"""The ML Metadata store: opening it, and reading it always in the same order.

MLMD returns lists in no fixed order; every list from here is sorted by id. Nothing here imports tfx.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import ml_metadata
from google.protobuf import json_format
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as mlmd
from ml_metadata.proto import metadata_store_service_pb2 as service

from common.errors import UserError
from pipeline import (
    backslashes,
    companions,
    metadata_address,
    metadata_indexes,
    metadata_server,
    metadata_troubles,
)
from pipeline.home import Home
from pipeline.metadata_address import Address

T = TypeVar("T")

# Events by which TFX records what an execution read and made; a resolver's INTERNAL_OUTPUT is neither.
INPUTS = (mlmd.Event.INPUT, mlmd.Event.DECLARED_INPUT)
OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT)

# The type of a context that names the store.
_IDENTITY = "mlpipe_store"

# SQLite takes a limited number of values in one statement.
_BATCH = 500

# What MLMD gives at most at once where it gives pages.
_PAGE = 100

# For how long another writer is waited for.
_BUSY_SECONDS = 20

# And for how long a server that has gone away in the middle.
RESTART_SECONDS = 20


class NoRuns(UserError):
    """Nothing has run in this home yet."""


class RunExists(UserError):
    """A run id is taken."""


class Store(ml_metadata.MetadataStore):
    """An MLMD store that waits for other writers and whose troubles are errors with one clear line.

    Lists come in the order of the ids that were asked for, or of their own: TFX pairs such lists, and a server returns
    them in any order.
    """

    def __init__(self, address: Address, config: mlmd.ConnectionConfig, patience: float = 0.0) -> None:
        """Open the store at an address.

        patience: seconds for which a server that does not answer is waited for, when it is first asked.
        """
        self.address = address
        self._config = config
        self._connect(patience)

    def get_artifacts_by_id(self, artifact_ids: Iterable[int], *more: Any) -> list[mlmd.Artifact]:
        ids = list(artifact_ids)
        return _as_asked(super().get_artifacts_by_id(ids, *more), ids)

    def get_artifact_types_by_id(self, type_ids: Iterable[int], *more: Any) -> list[mlmd.ArtifactType]:
        ids = list(type_ids)
        return _as_asked(super().get_artifact_types_by_id(ids, *more), ids)

    def get_executions_by_id(self, execution_ids: Iterable[int], *more: Any) -> list[mlmd.Execution]:
        ids = list(execution_ids)
        return _as_asked(super().get_executions_by_id(ids, *more), ids)

    def get_events_by_execution_ids(self, execution_ids: Iterable[int], *more: Any) -> list[mlmd.Event]:
        return _by_ends(super().get_events_by_execution_ids(execution_ids, *more))

    def get_events_by_artifact_ids(self, artifact_ids: Iterable[int], *more: Any) -> list[mlmd.Event]:
        return _by_ends(super().get_events_by_artifact_ids(artifact_ids, *more))

    def get_artifacts_by_context(self, context_id: int, *more: Any) -> list[mlmd.Artifact]:
        found = super().get_artifacts_by_context(context_id, *more)
        return found if more else by_id(found)

    def get_executions_by_context(self, context_id: int, *more: Any) -> list[mlmd.Execution]:
        found = super().get_executions_by_context(context_id, *more)
        return found if more else by_id(found)

    def _connect(self, patience: float) -> None:
        began = time.monotonic()
        while True:
            try:
                if self.address.is_server:
                    metadata_server.connect(lambda: super(Store, self).__init__(self._config), self.address)
                else:
                    super().__init__(self._config)
                return
            except metadata_server.Unreachable:
                if time.monotonic() > began + patience:
                    raise
                time.sleep(1)
            except RuntimeError as error:
                # Two processes that make the database at once get into each other's way.
                if not metadata_troubles.is_race(str(error)) or time.monotonic() > began + _BUSY_SECONDS:
                    raise UserError(metadata_troubles.line(self.address, str(error))) from error
                time.sleep(random.uniform(0.05, 0.5))

    def _call(self, method_name: str, request: Any, response: Any, extra_options: Any = None) -> None:
        del extra_options
        if self.address.scheme == "postgresql":
            self._try(method_name, backslashes.hide(request), response)
            backslashes.show(response)
        else:
            self._try(method_name, request, response)

    def _try(self, method_name: str, request: Any, response: Any) -> None:
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                with metadata_server.quiet() if self.address.is_server else nullcontext():
                    self._call_method(method_name, request, response)
                return
            except errors.AbortedError as error:
                if time.monotonic() > deadline:
                    raise UserError(metadata_troubles.line(self.address, str(error))) from error
                time.sleep(random.uniform(0.05, 0.5))
            except (errors.InternalError, errors.DataLossError) as error:
                if not (self.address.is_server and metadata_server.is_lost(str(error))):
                    raise UserError(metadata_troubles.line(self.address, str(error))) from error
                if time.monotonic() > deadline:
                    raise metadata_server.Unreachable(self.address) from error
                # A transaction that was cut off was rolled back.
                self._connect(RESTART_SECONDS)


def open_store(home: Home, create: bool = False) -> Store:
    """Open the store of a home (see `metadata_address.find`); with `create` a file is made when it is missing.

    A busy database is retried for some seconds. Raises `NoRuns` when the file is missing and not to be created,
    `UserError` when it stays busy, is damaged, was written by another version of MLMD, or when a server does not answer
    or lets nobody in.
    """
    address = metadata_address.find(home)
    config = metadata_address.connection(address)
    if not address.is_server:
        _choose_mode(address.path, config, create, home)
        if create and address.path.is_file():
            # Before MLMD opens it: two SQLite libraries of one process do not see each other's locks.
            metadata_indexes.ensure(address.path)
    return Store(address, config)


def _choose_mode(path: Path, config: mlmd.ConnectionConfig, create: bool, home: Home) -> None:
    """How a file is opened: made, written, or only read."""
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    if not path.is_file() or path.stat().st_size == 0:
        raise NoRuns(f"no runs yet in {home.root}: start one with mlpipe run P")
    mode = mlmd.SqliteMetadataSourceConfig
    writable = is_writable(Address("sqlite", path))
    config.sqlite.connection_mode = mode.READWRITE if writable else mode.READONLY


def is_writable(address: Address) -> bool:
    """Whether records can be changed; of a server this is not known beforehand."""
    path = address.path
    return address.is_server or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def register_run(store: Store, pipeline: str, run_id: str, properties: Mapping[str, str]) -> mlmd.Context:
    """Register a run below its pipeline, in the shape in which TFX registers and finds it, with custom properties.

    Run ids are unique in a store, over all its pipelines. Raises `RunExists` when `run_id` is taken.
    """
    run_type = _context_type(store, "pipeline_run")
    run = mlmd.Context(type_id=run_type, name=run_id)
    _set_strings(run, properties)
    try:
        [run.id] = store.put_contexts([run])
    except errors.AlreadyExistsError as error:
        raise RunExists(f"run {run_id} exists already: give another run id, or wait a second") from error
    store.put_parent_contexts([mlmd.ParentContext(child_id=run.id, parent_id=_pipeline_id(store, pipeline))])
    return run


def update_run(store: Store, run_id: str, properties: Mapping[str, str]) -> None:
    """Set custom properties of a registered run; the others stay."""
    run = run_context(store, run_id)
    if run is None:
        raise UserError(f"no run {run_id} in {store.address}")
    _set_strings(run, properties)
    store.put_contexts([run])


def identity(store: Store) -> str:
    """A name of the store that no other has, wherever it is seen from; it is made when it is first asked for."""
    known = by_id(store.get_contexts_by_type(_IDENTITY))
    if not known:
        store.put_contexts([mlmd.Context(type_id=_context_type(store, _IDENTITY), name=uuid.uuid4().hex)])
        # Of several processes that come here at once, the first gives the name.
        known = by_id(store.get_contexts_by_type(_IDENTITY))
    return str(known[0].name)


def pipeline_context(store: Store, pipeline: str) -> mlmd.Context | None:
    """The context of a pipeline, or None when it has never run."""
    return store.get_context_by_type_and_name("pipeline", pipeline)


def run_context(store: Store, run_id: str) -> mlmd.Context | None:
    """The context of a run, or None when there is none of that id."""
    return store.get_context_by_type_and_name("pipeline_run", run_id)


def pipelines(store: Store) -> list[str]:
    """Names of all pipelines that have run; their evaluations on unseen data are none (see `pipeline.companions`)."""
    names = (context.name for context in store.get_contexts_by_type("pipeline"))
    return sorted(name for name in names if not companions.is_evaluations(name))


def run_contexts(store: Store, pipeline: str) -> list[mlmd.Context]:
    """All runs of a pipeline, oldest first."""
    parent = pipeline_context(store, pipeline)
    if parent is None:
        return []
    return by_id(c for c in store.get_children_contexts_by_context(parent.id) if c.type == "pipeline_run")


def contexts_by_change(store: Store) -> Iterator[list[mlmd.Context]]:
    """All contexts, those that changed last first, a page at a time: who has seen enough reads no further."""
    request = service.GetContextsRequest()
    options = request.options
    options.max_result_size = _PAGE
    options.order_by_field.field = mlmd.ListOperationOptions.OrderByField.LAST_UPDATE_TIME
    options.order_by_field.is_asc = False
    while True:
        answer = service.GetContextsResponse()
        store._call("GetContexts", request, answer)
        yield list(answer.contexts)
        if not answer.next_page_token:
            return
        options.next_page_token = answer.next_page_token


def node_contexts(store: Store, pipeline: str) -> dict[str, mlmd.Context]:
    """Node id -> context, for every node of the pipeline that ever ran, in the order of their first run."""
    prefix = f"{pipeline}."
    contexts = by_id(store.get_contexts_by_type("node"))
    return {c.name.removeprefix(prefix): c for c in contexts if c.name.startswith(prefix)}


def executions_of(store: Store, context: mlmd.Context) -> list[mlmd.Execution]:
    """Executions of a run, a node or a pipeline."""
    return by_id(store.get_executions_by_context(context.id))


def artifacts_of(store: Store, context: mlmd.Context) -> list[mlmd.Artifact]:
    """Artifacts that a run, a node or a pipeline read or made."""
    return by_id(store.get_artifacts_by_context(context.id))


def contexts_of(store: Store, execution_id: int) -> dict[str, mlmd.Context]:
    """Context type -> context (`pipeline`, `pipeline_run`, `node`, ...) of one execution."""
    return {c.type: c for c in by_id(store.get_contexts_by_execution(execution_id))}


def contexts_of_artifact(store: Store, artifact_id: int) -> list[mlmd.Context]:
    """The pipeline, runs and nodes that made or read an artifact."""
    return _found(store.get_contexts_by_artifact, artifact_id)


def parents(store: Store, context_id: int) -> list[mlmd.Context]:
    """The contexts above one: of a run its pipeline."""
    return _found(store.get_parent_contexts_by_context, context_id)


def artifacts(store: Store, ids: Iterable[int]) -> list[mlmd.Artifact]:
    """Artifacts with these ids; unknown ids are left out."""
    return by_id(_batched(store.get_artifacts_by_id, ids))


def executions(store: Store, ids: Iterable[int]) -> list[mlmd.Execution]:
    """Executions with these ids; unknown ids are left out."""
    return by_id(_batched(store.get_executions_by_id, ids))


def events_of_executions(store: Store, ids: Iterable[int]) -> list[mlmd.Event]:
    """What these executions read and made."""
    return _by_ends(_batched(store.get_events_by_execution_ids, ids))


def events_of_artifacts(store: Store, ids: Iterable[int]) -> list[mlmd.Event]:
    """Which executions read and made these artifacts."""
    return _by_ends(_batched(store.get_events_by_artifact_ids, ids))


def keys(event: mlmd.Event) -> list[str]:
    """Input or output keys of an event: more than one when one artifact came in by two of them."""
    return [step.key for step in event.path.steps if step.WhichOneof("value") == "key"]


def properties(message: mlmd.Artifact | mlmd.Execution | mlmd.Context) -> dict[str, Any]:
    """Properties and custom properties of a record as plain values."""
    found = {**message.properties, **message.custom_properties}
    return {key: _plain(found[key]) for key in sorted(found)}


def by_id(records: Iterable[T]) -> list[T]:
    """Records sorted by id, each one once."""
    return [record for _, record in sorted({r.id: r for r in records}.items())]  # type: ignore[attr-defined]


def _plain(value: mlmd.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "struct_value":
        content = json_format.MessageToDict(value.struct_value)
        return content.get("__value__", content)
    if kind == "proto_value":
        return str(value.proto_value)
    return getattr(value, kind)


def _set_strings(context: mlmd.Context, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        context.custom_properties[key].string_value = value


def _pipeline_id(store: Store, pipeline: str) -> int:
    known = pipeline_context(store, pipeline)
    if known is None:
        context = mlmd.Context(type_id=_context_type(store, "pipeline"), name=pipeline)
        try:
            return int(store.put_contexts([context])[0])
        except errors.AlreadyExistsError:
            known = store.get_context_by_type_and_name("pipeline", pipeline)
    return int(known.id)


def _context_type(store: Store, name: str) -> int:
    try:
        return int(store.get_context_type(name).id)
    except errors.NotFoundError:
        return int(store.put_context_type(mlmd.ContextType(name=name)))


def _batched(read: Callable[[Sequence[int]], Iterable[T]], ids: Iterable[int]) -> Iterator[T]:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _BATCH):
        yield from read(wanted[start : start + _BATCH])


def _found(read: Callable[[int], Iterable[T]], id_: int) -> list[T]:
    # Where there is nothing MLMD answers with an error.
    try:
        return by_id(read(id_))
    except errors.NotFoundError:
        return []


def _as_asked(records: Iterable[T], ids: Iterable[int]) -> list[T]:
    """Records in the order of these ids, one for each that is known."""
    known = {record.id: record for record in records}  # type: ignore[attr-defined]
    return [known[id_] for id_ in ids if id_ in known]


def _by_ends(events: Iterable[mlmd.Event]) -> list[mlmd.Event]:
    return sorted(events, key=lambda e: (e.execution_id, e.artifact_id, e.type))
