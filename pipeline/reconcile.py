"""Runs whose processes are gone: recorded as what they are, so that nothing that is dead looks alive."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import companions, lock, metadata
from pipeline.home import Home
from pipeline.metadata import Store
from pipeline.runs import INTERRUPTED, is_alive, now, text

# For how long nothing may happen between two nodes of a run that goes node by node: an orchestrator waits before it
# tries again, and for a free worker.
IDLE_HOURS = 6

Suspect = tuple[mlmd.Context, list[mlmd.Execution]]


def reconcile(store: Store, home: Home, pipeline: str) -> list[str]:
    """Records as interrupted what was recorded as running and whose process is gone; the ids of those runs.

    Executions that run in no live process become FAILED, with the custom property `mlpipe_interrupted`. A run that
    goes node by node needs no process between two nodes, for IDLE_HOURS. Nothing is touched while another process holds
    the pipeline's lock; when this process holds it, its own run is left alone, and so are the runs of other homes.
    """
    if not _suspects(store, home, pipeline, "") or not metadata.is_writable(store.address):
        return []
    own = lock.held_here(home, pipeline)
    if own is not None:
        return _interrupt(store, _suspects(store, home, pipeline, own))
    try:
        with lock.lock(home, pipeline, ""):
            # What was running a moment ago may have ended before the lock was free.
            return _interrupt(store, _suspects(store, home, pipeline, ""))
    except lock.Busy:
        return []


def with_evaluations(store: Store, home: Home, pipeline: str) -> None:
    """Reconciles the runs of a pipeline, and its evaluations on unseen data."""
    for name in (pipeline, companions.evaluations_of(pipeline)):
        reconcile(store, home, name)


def check_alone(store: Store, home: Home, pipeline: str, run_id: str) -> None:
    """Raises `lock.Busy` when another run of the pipeline is between two of its nodes, or goes on from another home."""
    for context in metadata.run_contexts(store, pipeline):
        if context.name == run_id or text(context, "mlpipe_state") != "running":
            continue
        if not _is_of(context, home, store):
            raise lock.Busy(
                f"{pipeline} is busy: run {context.name} of another home goes on in {store.address}; wait until it has ended"
            )
        raise lock.Busy(
            f"{pipeline} is busy: run {context.name} is between two of its nodes; wait until it has ended, or end it:"
            f" mlpipe node end {pipeline} --run-id {context.name}"
        )


def close(store: Store, home: Home, pipeline: str, run_id: str, node: str | None = None) -> None:
    """Record executions of a run that look alive as FAILED, but for those of nodes that another process runs now.

    The caller holds the lock of `node`, or of the whole pipeline, and runs nothing of it any more, or nothing yet.
    """
    context = metadata.run_context(store, run_id)
    if context is None:
        return
    others = {f"{pipeline}.{one}" for one in lock.nodes_of(home, pipeline, run_id) if one != node}
    alive = [one for one in metadata.executions_of(store, context) if is_alive(one)]
    _fail(store, [one for one in alive if metadata.contexts_of(store, one.id)["node"].name not in others])


def _suspects(store: Store, home: Home, pipeline: str, own: str) -> list[Suspect]:
    """Runs that look alive, other than `own`, with their executions that do.

    A run that ended can have left an execution behind (TFX does when a driver fails): the last run is looked at
    whatever its state.
    """
    contexts = metadata.run_contexts(store, pipeline)
    found = []
    for context in contexts:
        alive = text(context, "mlpipe_state") == "running"
        if context.name == own or not (alive or context is contexts[-1]) or not _is_of(context, home, store):
            continue
        executions = metadata.executions_of(store, context)
        running = [execution for execution in executions if is_alive(execution)]
        if running or (alive and not _is_between_nodes(context, executions)):
            found.append((context, running))
    return found


def _is_of(context: mlmd.Context, home: Home, store: Store) -> bool:
    """Whether a run belongs to this home: a server keeps the runs of several, and their locks are elsewhere."""
    of = text(context, "mlpipe_home")
    return not store.address.is_server or not of or of == home.identity()


def _is_between_nodes(context: mlmd.Context, executions: Sequence[mlmd.Execution]) -> bool:
    if text(context, "mlpipe_unit") != "node":
        return False
    last = max(
        (one.last_update_time_since_epoch for one in executions),
        default=context.last_update_time_since_epoch,
    )
    return time.time() * 1000 - last < IDLE_HOURS * 3_600_000


def _interrupt(store: Store, suspects: Sequence[Suspect]) -> list[str]:
    for context, running in suspects:
        _fail(store, running)
        if text(context, "mlpipe_state") in ("running", ""):
            nodes = [metadata.contexts_of(store, execution.id)["node"].name for execution in running]
            pause = "a pause between components" if metadata.executions_of(store, context) else "start-up"
            where = " and ".join(name.rpartition(".")[2] for name in nodes) or pause
            by_node = text(context, "mlpipe_unit") == "node"
            idle = f"no node ran for {IDLE_HOURS} hours" if by_node and not running else ""
            described = {
                "mlpipe_state": "interrupted",
                "mlpipe_reason": idle or f"the process ended during {where}",
                "mlpipe_ended": now(),
            }
            metadata.update_run(store, context.name, described)
    return [context.name for context, _ in suspects]


def _fail(store: Store, executions: Sequence[mlmd.Execution]) -> None:
    seen = now()
    for execution in executions:
        execution.last_known_state = mlmd.Execution.FAILED
        execution.custom_properties[INTERRUPTED].string_value = seen
    if executions:
        store.put_executions(executions)
