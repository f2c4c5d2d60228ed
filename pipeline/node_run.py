"""One node of one run, in a process of its own: what orchestrators call."""

from __future__ import annotations

import re
from collections.abc import Sequence

from common.errors import BadInput, GateFailed
from pipeline import config as configs
from pipeline import copies, lock, metadata, metadata_address, node_list, reconcile, record, runs, work
from pipeline import job as jobs
from pipeline.config import Config
from pipeline.copies import Copies
from pipeline.home import Home
from pipeline.job import Job
from pipeline.metadata import Store
from pipeline.node_list import Node
from pipeline.runs import Run
from pipeline.served import name_of

DONE = ("complete", "cached")
_RUN_ID = re.compile(r"[A-Za-z0-9][\w.:+@=-]{0,199}", re.ASCII)
_SELECTOR = re.compile(r"last(~.*)?|v\d+")


def run_node(
    pipeline: str, node_id: str, run_id: str, home: Home, overrides: Sequence[str] = (), force: bool = False
) -> None:
    """Runs one node of a run; the first that is called begins the run, the others take the configuration that it recorded.

    A node that is done is not run again, but its gate is applied again.

    Args:
      pipeline: name in the catalog, or a YAML file.
      node_id: the node.
      run_id: any name that no run of another pipeline has.
      home: where the records and artifacts are.
      overrides: `key.subkey=value`, the same for every node of a run.
      force: whether it runs although a cached result would do.

    Raises:
      BadInput: unknown node, a node whose upstream has not run, a run of another pipeline, or a configuration that
        contradicts what the run began with.
      GateFailed: the node's gate, or one before it in this run, does not let pass.
      UserError: the node failed, or another run of the pipeline goes on.
    """
    check_run_id(run_id)
    config = _config(pipeline, run_id, home, overrides)
    node = node_list.find(node_list.node_list(config), node_id)
    home.check_writable(config.name)
    store = metadata.open_store(home, create=True)
    copies.check(config, home, store)
    with lock.node_lock(home, config.name, run_id, node_id):
        reconcile.reconcile(store, home, config.name)
        with lock.brief(home, config.name):
            reconcile.check_alone(store, home, config.name, run_id)
            # What killed processes of this run left behind.
            reconcile.close(store, home, config.name, run_id, node_id)
            begun = _join(pipeline, config, home, store, node, run_id)
        if begun is None:
            print(f"{node_id} is done in run {run_id} of {config.name}: nothing to run")
        else:
            job, notes = begun
            work.do(job, work.Options(force, node=node_id), store, notes)


def end(pipeline: str, run_id: str, home: Home) -> None:
    """Records that a run which is between two of its nodes will not go on.

    Raises:
      BadInput: there is no such run of the pipeline.
      UserError: a process of the pipeline is alive.
    """
    name = name_of(pipeline)
    store = metadata.open_store(home)
    with lock.lock(home, name, run_id):
        run = _recorded(store, name, run_id)
        if run is None:
            raise BadInput(f"{name} has no run {run_id!r}")
        if run.state == "running":
            reconcile.close(store, home, name, run_id)
            record.end(store, run_id, "interrupted", "by mlpipe node end")
        print(
            f"run {run_id} of {name} has ended: {runs.get_run(store, name, run_id).state.replace('_', ' ')}"
        )


def check_run_id(run_id: str) -> None:
    """Raises BadInput for a run id that cannot name a file, or that commands would take for something else."""
    if not _RUN_ID.fullmatch(run_id):
        raise BadInput(
            f"--run-id {run_id!r}: write up to 200 letters, digits and . _ - + : @ =, the first a letter or digit"
        )
    if _SELECTOR.fullmatch(run_id):
        raise BadInput(f"--run-id {run_id!r}: other commands read this as the choice of a run; take another")


def _config(pipeline: str, run_id: str, home: Home, overrides: Sequence[str]) -> Config:
    """The configuration that the run recorded; of a new run that of the catalog."""
    try:
        run = _recorded(metadata.open_store(home), name_of(pipeline), run_id)
    except metadata.NoRuns:
        run = None
    if run is not None:
        return configs.recorded(run.config, overrides)
    config = configs.load(pipeline, overrides)
    metadata_address.keep(home, config.metadata.uri, config.metadata.password_file)
    return config


def _recorded(store: Store, name: str, run_id: str) -> Run | None:
    """The run of that id, if it has begun; raises BadInput when it is another pipeline's."""
    context = metadata.run_context(store, run_id)
    if context is None:
        return None
    known = metadata.pipelines(store)
    if name in known and context.id in {one.id for one in metadata.run_contexts(store, name)}:
        return runs.get_run(store, name, run_id)
    owner = next(
        (one for one in known if context.id in {c.id for c in metadata.run_contexts(store, one)}), "another"
    )
    raise BadInput(
        f"run {run_id} is one of {owner}, not of {name}: give another run id, such as {name}-{run_id}"
    )


def _join(
    pipeline: str, config: Config, home: Home, store: Store, node: Node, run_id: str
) -> tuple[Job, list[str]] | None:
    """Begin the run, or go on with it, by this node; None when the node is done. Raises as `run_node`."""
    nodes = node_list.node_list(config)
    run = _recorded(store, config.name, run_id)
    if run is None:
        if node.upstream:
            raise _too_early(pipeline, node.id, nodes[0].id, run_id, "not reached")
        return _begin(config, home, store, run_id)
    state = {one.id: run.node(one.id).state for one in nodes}
    if state[node.id] in DONE:
        _check_gate(home, store, run, node.id)
        if node == nodes[-1] and run.state != "succeeded":
            record.end(store, run_id, "succeeded")
        return None
    for before in node_list.ancestors(nodes, node.id):
        if state[before] not in DONE:
            raise _too_early(pipeline, node.id, before, run_id, state[before])
        try:
            _check_gate(home, store, run, before)
        except GateFailed as error:
            raise GateFailed(
                f"{node.id} does not run, as {before} did not pass in run {run_id}: {error}"
            ) from None
    job, notes = _go_on(run, config, home, store, node)
    alive = lock.nodes_of(home, config.name, run_id)
    if not any(state[one.id] == "failed" and one.id not in alive for one in nodes):
        record.resume(store, run_id)
    return job, notes


def _begin(config: Config, home: Home, store: Store, run_id: str) -> tuple[Job, list[str]]:
    inputs = jobs.find(config, home)
    job, notes = jobs.prepare(config, home, run_id, inputs)
    record.begin(store, job, record.fingerprint_run(config, inputs), whole=True, unit="node")
    return job, notes


def _go_on(run: Run, config: Config, home: Home, store: Store, node: Node) -> tuple[Job, list[str]]:
    """The job of a run that has begun: only ExampleGen looks at the data."""
    notes: list[str] = []
    if node.id == "ExampleGen":
        inputs = jobs.find(config, home)
        job, notes = jobs.prepare(config, home, run.id, inputs)
    else:
        job = jobs.restore(config, home, run.id, run.inputs)
        inputs = job.inputs
    made_of = record.fingerprint_run(config, inputs)
    changed = record.changes(run, made_of)
    if node.id == "ExampleGen":
        record.renew(store, job, made_of, whole=bool(run.fingerprint) and not changed)
    elif changed and run.fingerprint:
        record.forget_fingerprint(store, run.id)
    if changed:
        notes = [*notes, f"changed since the run began, and used as it is now: {', '.join(changed)}"]
    return job, notes


def _check_gate(home: Home, store: Store, run: Run, node_id: str) -> None:
    """Apply the gate of a node that is done: its process can have been killed before it did."""
    from pipeline import gates

    outputs = {key: [artifact] for key, artifact in runs.outputs_of(store, run.node(node_id)).items()}
    try:
        gates.check(node_id, gates.readable(outputs, Copies(home)))
    except GateFailed as error:
        record.end(store, run.id, "gate_failed", str(error))
        raise


def _too_early(pipeline: str, node_id: str, before: str, run_id: str, state: str) -> BadInput:
    what = {"not reached": "has not run", "failed": "failed", "running": "still runs"}[state]
    return BadInput(
        f"{node_id} comes after {before}, which {what} in run {run_id}: first mlpipe node run {pipeline} {before}"
        f" --run-id {run_id}"
    )
