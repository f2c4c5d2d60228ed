"""`mlpipe evaluate`: a pushed model on data that it never saw, judged as the pipeline judges its own."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import BadInput, GateFailed
from pipeline import beam_engine, companions, copies, lock, metadata, record, sources, work
from pipeline.copies import Copies
from pipeline.gates import Outputs
from pipeline.home import Home
from pipeline.metadata import RunExists, Store
from pipeline.progress import Progress
from pipeline.reconcile import reconcile
from pipeline.runs import EVALUATION
from pipeline.sections import Config
from pipeline.sources import Source
from pipeline.unseen import judgement as judgements
from pipeline.unseen import subject as subjects
from pipeline.unseen import unseen_data
from pipeline.unseen.judgement import Judgement
from pipeline.unseen.subject import Subject


@dataclass(frozen=True)
class Question:
    """What is evaluated on what: a path or a span of the pipeline's own data; by default the model pushed last.

    run_id: of the evaluation, where it is not to be a new one.
    Raises BadInput for what contradicts itself.
    """

    path: str | None = None
    span: int | None = None
    version: int | None = None
    artifact: int | None = None
    run_id: str | None = None
    wait: bool = False

    def __post_init__(self) -> None:
        if (self.path is None) == (self.span is None):
            raise BadInput("give --data (a file, folder or pattern) or --span, and not both")
        if self.version is not None and self.artifact is not None:
            raise BadInput("give --model or --artifact, not both")


@dataclass(frozen=True)
class _Job:
    config: Config
    home: Home
    run_id: str
    source: Source
    slices: Sequence[Sequence[str]]
    subject: Subject
    about: str

    @property
    def where(self) -> Copies:
        """The artifacts of the evaluation."""
        name = companions.evaluations_of(self.config.name)
        return copies.of(self.config.model_copy(update={"name": name}), self.home)


def evaluate(config: Config, home: Home, question: Question) -> Judgement:
    """Evaluates, shows and records; no model is blessed or pushed by it.

    Raises:
      BadInput: no such model or data, or data that cannot be read.
      GateFailed: a bound does not hold; all that was found is shown and recorded all the same.
    """
    try:
        store = metadata.open_store(home)
    except metadata.NoRuns:
        raise subjects.nothing_pushed(config.name) from None
    subject = subjects.find(store, home, config.name, question.version, question.artifact)
    source = unseen_data.find(config, home, subject, question.path, question.span)
    columns = sources.columns(source)
    sources.check_thresholds(config, columns)
    slices, notes = sources.slices(config, columns)
    beam_engine.check(config.beam)
    notes += _warnings(subject, source)
    about = f"{subject.name} on {unseen_data.named(source)}"
    name = companions.evaluations_of(config.name)
    home.check_writable(name)
    while True:
        run_id = question.run_id or record.new_run_id(store)
        with lock.lock(home, name, run_id, wait=question.wait):
            reconcile(store, home, name)
            try:
                _begin(store, config, home, run_id, subject, about, notes, question)
            except RunExists:
                if question.run_id:
                    raise
                # Another run began in the same second.
                time.sleep(1)
                continue
            return _run(_Job(config, home, run_id, source, slices, subject, about), store, notes)


def _warnings(subject: Subject, source: Source) -> list[str]:
    found = []
    seen = unseen_data.seen_in_training(source, subject.files)
    if seen:
        which = "all of it" if len(seen) == len(source.files) else f"{seen[0]} and {len(seen) - 1} more"
        found.append(
            f"warning: {subject.name} was trained on this very data ({which if len(seen) > 1 else seen[0]}): the figures say"
            " nothing about unseen data"
        )
    if subject.former is None:
        found.append("its own evaluation is gone: metrics are not compared with it")
    return found


def _begin(
    store: Store,
    config: Config,
    home: Home,
    run_id: str,
    subject: Subject,
    about: str,
    notes: Sequence[str],
    question: Question,
) -> None:
    described = {
        "mlpipe_kind": EVALUATION,
        "mlpipe_about": about,
        "mlpipe_model": str(subject.model.id),
        "mlpipe_model_version": "" if subject.version is None else str(subject.version),
        "mlpipe_notes": json.dumps(list(notes)),
        "mlpipe_span": "" if question.span is None else str(question.span),
    }
    record.begin_evaluation(store, config, home, run_id, described)


def _run(job: _Job, store: Store, notes: Sequence[str]) -> Judgement:
    name = companions.evaluations_of(job.config.name)

    def report() -> None:
        work.report(job.where, job.config.name, job.run_id, store)

    with work.recorded(name, job.run_id, job.home, store, notes, afterwards=report) as progress:
        judgement = _launch(job, progress)
        metadata.update_run(store, job.run_id, {"mlpipe_judgement": judgement.dump()})
        if judgement.reasons:
            raise GateFailed(f"verdict against {job.about}: {'; '.join(judgement.reasons)}")
    record.end(store, job.run_id, "succeeded")
    report()
    return judgement


def _launch(job: _Job, progress: Progress) -> Judgement:
    began = time.monotonic()
    work.start_up(job.config, progress)
    from pipeline.node import NodeFailed
    from pipeline.runners import local
    from pipeline.unseen import nodes, show

    pipeline = nodes.create_pipeline(job.config, job.source, job.slices, job.subject, job.home)
    progress.done("start-up")
    observer = work.Collect(progress)
    results = observer.results
    not_measured = []
    try:
        local.run(pipeline, job.run_id, job.where, observer, gate=_lets_pass)
    except BaseException as error:
        progress.failed()
        if isinstance(error, NodeFailed):
            progress.say(error.last_lines())
        if not (isinstance(error, NodeFailed) and judgements.anomalies(results)):
            raise
        # Data that break the schema may be such that no model can be asked.
        not_measured = [f"not measured: {error}"]
    judgement = judgements.judge(results, not_measured)
    show.show(progress.console, results, judgement, job.about, time.monotonic() - began)
    return judgement


def _lets_pass(node_id: str, outputs: Outputs) -> None:
    """Data that do not pass are measured all the same: the verdict tells both."""
