"""One run of a pipeline on this machine, from the configuration to the summary."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import BadInput, GateFailed, UserError
from pipeline import logs, record, serving_platform, sources, trainer_files
from pipeline.config import CATALOG
from pipeline.home import Home
from pipeline.lock import Holder, lock
from pipeline.metadata import Store, open_store
from pipeline.progress import Progress
from pipeline.runs import reconcile
from pipeline.sections import Config
from pipeline.trainer_files import TrainerFile
from pipeline.wording import display, nearest

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.node import NodeResult


@dataclass(frozen=True)
class Options:
    """Which nodes run although nothing changed, the last one, and whether to wait for another run of the pipeline.

    Raises BadInput for options that contradict each other.
    """

    force: bool = False
    start: str | None = None
    only: str | None = None
    until: str | None = None
    wait: bool = False

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


@dataclass(frozen=True)
class Job:
    """A run that is about to begin."""

    config: Config
    home: Home
    options: Options
    run_id: str
    source: sources.Source
    slices: Sequence[Sequence[str]]
    schema: Path | None
    files: Mapping[str, TrainerFile]


def run(config: Config, home: Home, options: Options) -> None:
    """Runs a pipeline, or says that it is up to date; progress and summary go to standard output.

    Raises:
      UserError: the run ended without a pushed model; the exit code says why.
    """
    store = open_store(home, create=True)
    try:
        _run(config, home, options, store)
    except KeyboardInterrupt:
        # TFX closes the execution of a component that raises an Exception, and this is none.
        reconcile(store, home, config.name)
        raise


def _run(config: Config, home: Home, options: Options, store: Store) -> None:
    run_id = record.new_run_id(store)
    with lock(home, config.name, run_id, wait=options.wait, on_wait=_tell_who_runs):
        reconcile(store, home, config.name)
        source = sources.find(config, home)
        schema = _schema(config)
        files = trainer_files.find(config, home)
        made_of = record.fingerprint_run(config, source.files, schema, files)
        former = record.up_to_date(store, made_of)
        if former and not options.asks_for_work:
            print(f"{config.name} is up to date: run {former} used the same data, code and configuration")
            return
        columns = sources.columns(source)
        sources.check_thresholds(config, columns)
        serving_platform.check(config.serving_check)
        slices, left_out = sources.slices(config, columns)
        job = Job(config, home, options, run_id, source, slices, schema, files)
        record.begin(store, run_id, made_of, whole=options.whole)
        _run_recorded(job, store, left_out)


def _run_recorded(job: Job, store: Store, notes: Sequence[str]) -> None:
    """Runs a job whose beginning is recorded, and records how it ended, whatever happens."""
    log = job.home.log(job.config.name, job.run_id)
    try:
        with logs.redirected(log) as screen, Progress(screen) as progress:
            for line in (f"{job.config.name}: run {job.run_id}, log {display(log)}", *notes):
                progress.say(line)
            try:
                _launch(job, progress)
            except BaseException:
                traceback.print_exc()
                raise
    except GateFailed as error:
        record.end(store, job.run_id, "gate_failed", str(error))
        raise
    except KeyboardInterrupt:
        record.end(store, job.run_id, "interrupted", "from the keyboard")
        raise
    except BaseException as error:
        record.end(store, job.run_id, "failed", str(error))
        if isinstance(error, BadInput):
            raise
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{message}; log: {display(log)}") from error
    record.end(store, job.run_id, "succeeded")


def _launch(job: Job, progress: Progress) -> None:
    began = time.monotonic()
    progress.started("start-up")
    # TensorFlow and Beam make millions of small objects that stay: to look for cycles among them after every
    # 700, as Python does, takes a sixth of a run.
    gc.set_threshold(100_000, 20, 100)
    from pipeline.dag import create_pipeline
    from pipeline.node import NodeFailed
    from pipeline.runners import local

    pipeline = create_pipeline(job.config, job.source, job.slices, job.schema, job.files, job.home)
    forced = _forced(pipeline, job.options)
    observer = _Collect(progress)
    gc.freeze()
    progress.done("start-up")
    try:
        local.run(pipeline, job.run_id, observer, forced, job.options.only, job.options.until)
    except BaseException as error:
        progress.failed()
        if isinstance(error, NodeFailed):
            progress.say(error.last_lines())
        raise
    finally:
        from pipeline import summary

        seconds = time.monotonic() - began
        summary.show(progress.console, observer.results, seconds, job.config.serving_check.enabled)


class _Collect:
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

    node_ids = [node.id for node in pipeline.components]
    for named in (options.start, options.only, options.until):
        if named is not None and named not in node_ids:
            raise BadInput(
                f"no component {named!r}{nearest(named, node_ids) or ': there is ' + ', '.join(node_ids)}"
            )
    forced = {"Pusher"}
    if options.force:
        forced.update(node_ids)
    if options.start is not None:
        forced |= local.from_node(pipeline, options.start)
    return forced


def _schema(config: Config) -> Path | None:
    """The curated schema: relative paths are looked up from the current folder, then from the catalog's."""
    if config.schema_.curated is None:
        return None
    for folder in (Path.cwd(), CATALOG):
        path = folder / config.schema_.curated
        if path.is_file():
            return path
    raise BadInput(f"schema.curated: no such file: {config.schema_.curated}")


def _tell_who_runs(holder: Holder) -> None:
    print(f"waiting for run {holder.run_id} (process {holder.pid})", flush=True)
