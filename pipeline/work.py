"""Nodes of a run in this process, all of them or one, with log, progress, records and summary."""

from __future__ import annotations

import gc
import importlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common import remote_files
from common.errors import BadInput, GateFailed, UserError
from pipeline import copies, google_cloud, lock, logs, node_list, reconcile, record
from pipeline.copies import Copies
from pipeline.home import Home
from pipeline.job import Job
from pipeline.metadata import Store
from pipeline.progress import Progress
from pipeline.sections import Config
from pipeline.signals import Terminated, terminable
from pipeline.wording import display

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.node import NodeResult


@dataclass(frozen=True)
class Options:
    """Which nodes run although nothing changed, the last one, the only one, and whether to wait for another run.

    only: one node on what the last run made; node: one node on what its own run made of those before it. run_id: of the
    run, where it is not to be a new one.
    Raises BadInput for options that contradict each other.
    """

    force: bool = False
    start: str | None = None
    only: str | None = None
    until: str | None = None
    node: str | None = None
    wait: bool = False
    run_id: str | None = None

    def __post_init__(self) -> None:
        if self.only is not None and self.until is not None:
            raise BadInput("--only and --until: give one of them")

    @property
    def asks_for_work(self) -> bool:
        return self.force or self.start is not None or self.only is not None

    @property
    def whole(self) -> bool:
        """Whether every node comes up, be it cached."""
        return self.only is None and self.until is None


def do(job: Job, options: Options, store: Store, notes: Sequence[str]) -> None:
    """Runs the nodes of a run that is recorded as begun, and records how it ended, whatever happens.

    Raises:
      UserError: a node failed or a gate did not let pass; the exit code says which.
    """
    name, where = job.config.name, copies.of(job.config, job.home)
    with recorded(
        name,
        job.run_id,
        job.home,
        store,
        notes,
        options.node,
        lambda: report(where, name, job.run_id, store),
    ) as progress:
        _launch(job, options, progress)
    last = node_list.node_list(job.config)[-1].id
    if options.node in (None, last):
        with lock.brief(job.home, name):
            record.end(store, job.run_id, "succeeded")
        report(where, name, job.run_id, store)


@contextmanager
def recorded(
    name: str,
    run_id: str,
    home: Home,
    store: Store,
    notes: Sequence[str],
    node: str | None = None,
    afterwards: Callable[[], None] | None = None,
) -> Iterator[Progress]:
    """Logs and shows what happens inside the `with` block, and records how a run ended that did not go well.

    Args:
      name: of the pipeline that the run is recorded under.
      run_id: the run, recorded as begun.
      home: where the log goes.
      store: where the run is recorded.
      notes: lines to begin with.
      node: the only node of the run that this process works on, if it is one.
      afterwards: what is done when that is recorded.
    """
    log = home.log(name, run_id)

    def end(state: str, reason: str) -> None:
        # What is recorded nowhere, as the store is gone, is found out later.
        with suppress(UserError):
            with lock.brief(home, name):
                # TFX closes the execution of a component that raises an Exception, but not of a driver, nor after
                # Ctrl-C.
                reconcile.close(store, home, name, run_id, node)
                record.end(store, run_id, state, reason)
            if afterwards:
                afterwards()

    try:
        with terminable(), logs.redirected(log) as screen, Progress(screen) as progress:
            for line in (f"{name}: run {run_id}, log {display(log)}", *notes):
                progress.say(line)
            try:
                yield progress
            except BaseException:
                traceback.print_exc()
                raise
    except GateFailed as error:
        end("gate_failed", str(error))
        raise
    except (KeyboardInterrupt, Terminated) as error:
        end("interrupted", "from the keyboard" if isinstance(error, KeyboardInterrupt) else "by SIGTERM")
        raise
    except BaseException as error:
        end("failed", str(error))
        if isinstance(error, BadInput):
            raise
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{message}; log: {display(log)}") from error


def start_up(config: Config, progress: Progress) -> None:
    """Imports what nodes need, which takes seconds."""
    progress.started("start-up")
    # TensorFlow and Beam make millions of small objects that stay: to look for cycles among them after every
    # 700, as Python does, takes a sixth of a run.
    gc.set_threshold(100_000, 20, 100)
    with google_cloud.absent(unless=google_cloud.is_asked_for(config)):
        importlib.import_module("pipeline.dag")
        importlib.import_module("pipeline.runners.local")


def report(where: Copies, pipeline: str, run_id: str, store: Store) -> None:
    """Writes the report of a run that ended, in the home and beside its artifacts in a store; no run fails for want of it.

    where: the artifacts of what the run is recorded under.
    """
    try:
        from reports import run_facts, run_report

        facts = run_facts.find(where.home, pipeline, run_id, store)
        path = run_report.path(facts)
        run_report.write(facts, path)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: there is no report of this run: {reason}", flush=True)
        return
    print(f"report     {display(path)}", flush=True)
    uri = where.report(run_id)
    if uri is None:
        return
    try:
        remote_files.write(uri, path.read_bytes(), "text/html; charset=utf-8")
    except (UserError, OSError) as error:
        print(f"warning: the report is not kept in the store: {error}", flush=True)
    else:
        print(f"           {uri}", flush=True)


def _launch(job: Job, options: Options, progress: Progress) -> None:
    began = time.monotonic()
    start_up(job.config, progress)
    from components.evaluator import measured
    from pipeline.dag import create_pipeline
    from pipeline.node import NodeFailed
    from pipeline.runners import local

    inputs = job.inputs
    pipeline = create_pipeline(job.config, inputs.source, job.slices, inputs.schema, inputs.files, job.home)
    forced = _forced(pipeline, options)
    if "Evaluator" in (*forced, options.only):
        measured.forget(job.home.pipeline_root(job.config.name) / "Evaluator" / "evaluation")
    observer = Collect(progress)
    gc.freeze()
    progress.done("start-up")
    try:
        where = copies.of(job.config, job.home)
        local.run(pipeline, job.run_id, where, observer, forced, options.only, options.until, options.node)
    except BaseException as error:
        progress.failed()
        if isinstance(error, NodeFailed):
            progress.say(error.last_lines())
        raise
    finally:
        from pipeline import summary

        seconds = time.monotonic() - began
        summary.show(progress.console, observer.results, seconds, job.config.serving_check.enabled)


class Collect:
    """Passes events on to the display and keeps the results for the summary."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.results: dict[str, NodeResult] = {}

    def started(self, node_id: str) -> None:
        self.progress.started(node_id)

    def finished(self, result: NodeResult) -> None:
        self.results[result.node_id] = result
        self.progress.finished(result)


def _forced(pipeline: Pipeline, options: Options) -> set[str]:
    """The nodes that run although a cached result would do.

    The Pusher always does: it is quick, leaves a version that is already served as it is, and only it knows whether
    the folder still holds what it pushed.
    """
    from pipeline.runners import local

    forced = {"Pusher"}
    if options.force:
        forced.update([options.node] if options.node else [node.id for node in pipeline.components])
    if options.start is not None:
        forced |= local.from_node(pipeline, options.start)
    return forced
