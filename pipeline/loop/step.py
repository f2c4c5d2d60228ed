"""What happens to one span: judged, decided, carried out; each step is recorded before the next one begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from common.errors import BadInput, GateFailed, UserError
from pipeline import companions, facts, lock, metadata, pushes, reconcile, record, runs
from pipeline.home import Home
from pipeline.loop import decisions, rule, spans
from pipeline.loop.decisions import BEGUN, DECIDED, DONE, KEEP, RETRAIN, SKIP, Decision
from pipeline.loop.spans import Span
from pipeline.loop.worker import Ended
from pipeline.metadata import Store
from pipeline.sections import Config
from pipeline.unseen import judgement as judgements
from pipeline.unseen import subject as subjects
from pipeline.unseen.judgement import Judgement

FINISHED = ("succeeded", "gate_failed")
_POLL_SECONDS = 1.0


class Works(Protocol):
    """Who evaluates and trains; see `pipeline.loop.worker`."""

    def evaluate(self, span: int, run_id: str) -> Ended: ...

    def train(self, span: int, run_id: str, overrides: Sequence[str]) -> Ended: ...


class TryAgain(UserError):
    """An evaluation or a training failed for a reason that lies neither in the data nor in the model."""


class StillWrittenError(UserError):
    """The files of a span changed while they were read."""


@dataclass(frozen=True)
class Step:
    """Everything that one span needs."""

    config: Config
    home: Home
    store: Store
    worker: Works
    tell: Callable[[str], None]

    def handle(self, span: Span) -> str:
        """Takes a span from where it is to the end; the line that tells what was decided and what came of it.

        Raises:
          UserError: bad data where `on_bad_data` is stop, TryAgain or StillWrittenError; the span stays undecided.
        """
        name = self.config.name
        known = decisions.all_of(self.store, name)
        decision = known.get(span.key) or Decision(name, span.key, started=decisions.now())
        decisions.save(self.store, decision)
        try:
            if decision.state == BEGUN:
                decision = self._judge(decision, span, list(known.values()))
            if decision.state == DECIDED and decision.choice == RETRAIN:
                decision = self._train(decision, span)
        except TryAgain as error:
            decision = decisions.all_of(self.store, name)[span.key]
            decision = decision.changed(tries=decision.tries + 1)
            if decision.tries < self.config.loop.tries:
                decisions.save(self.store, decision)
                raise TryAgain(f"span {span.key}: {error}; it is tried again") from None
            decision = decision.changed(result=f"given up after {decision.tries} tries: {error}")
        decision = decision.changed(state=DONE, line=_line(decision), ended=decisions.now())
        decisions.save(self.store, decision)
        return decision.line

    def _judge(self, decision: Decision, span: Span, former: Sequence[Decision]) -> Decision:
        if not pushes.pushed_models(self.store, self.config.name):
            return self._decide(decision, RETRAIN, "no model was pushed yet")
        try:
            subject = subjects.find(self.store, self.home, self.config.name)
        except BadInput as error:
            return self._decide(decision, RETRAIN, f"the pushed model cannot be evaluated: {error}")
        decision = decision.changed(model=subject.name)
        judgement, unread = None, ""
        if self._state(decision.evaluation) not in FINISHED:
            decision = decision.changed(evaluation=self._new_run(span, "evaluation"))
            decisions.save(self.store, decision)
            self._tell_who_works(span, companions.evaluations_of(self.config.name))
            with self._unchanged(span):
                ended = self.worker.evaluate(span.number, decision.evaluation)
            unread = ended.line if ended.code == BadInput.exit_code else ""
            if not unread and self._state(decision.evaluation) not in FINISHED:
                raise TryAgain(f"not evaluated: {ended.line}")
        if not unread:
            judgement = self._judgement(decision.evaluation)
        bad = unread or "; ".join((judgement or _NOTHING).broken[:1])
        if judgement is None or bad:
            if self.config.loop.on_bad_data == "stop":
                # Nothing is kept of the evaluation: the data may be mended when the loop starts again.
                decisions.save(self.store, decision.changed(evaluation="", reason=bad))
                kind = BadInput if unread else GateFailed
                raise kind(f"span {span.key}: {bad}; mend it, or move it away, and start the loop again")
            return self._decide(decision, SKIP, bad)
        train, reason = rule.decide(self.config, judgement, _kept(former))
        decision = decision.changed(found=_found(judgement))
        return self._decide(decision, RETRAIN if train else KEEP, reason)

    def _train(self, decision: Decision, span: Span) -> Decision:
        if self._state(decision.training) not in FINISHED:
            decision = decision.changed(training=self._new_run(span, "training"))
            decisions.save(self.store, decision)
            # Who asks for a training because the data drifted does not want it refused because they did.
            lifted = ["schema.drift={}"] if self.config.loop.retrain == "when_drift" else []
            self._tell_who_works(span, self.config.name)
            with self._unchanged(span):
                ended = self.worker.train(self._last_span(span), decision.training, lifted)
            state = self._state(decision.training)
            if state is None and ended.code == 0:
                return decision.changed(
                    training="", result="nothing to train: the last run had the same data"
                )
            if ended.code == BadInput.exit_code:
                return decision.changed(result=f"not trained: {ended.line}")
            if state not in FINISHED:
                raise TryAgain(f"not trained: {ended.line}")
        metadata.update_run(self.store, decision.training, {"mlpipe_loop_span": span.key})
        return decision.changed(result=self._trained(decision))

    @contextmanager
    def _unchanged(self, span: Span) -> Iterator[None]:
        """Raises StillWrittenError when the span is another one after the `with` block than before."""
        before = spans.changed(self.config, span)
        yield
        if before is not None and spans.changed(self.config, span) not in (None, before):
            known = decisions.all_of(self.store, self.config.name)[span.key]
            decisions.save(self.store, known.changed(evaluation="", training=""))
            raise StillWrittenError(f"span {span.key}: was written to while it was read; it is read again")

    def _tell_who_works(self, span: Span, name: str) -> None:
        """The worker waits for another run, which may take long."""
        holder = lock.holder(self.home, name)
        if holder is not None:
            self.tell(f"span {span.key}: waits for run {holder.run_id} of {name} (process {holder.pid})")

    def _decide(self, decision: Decision, choice: str, reason: str) -> Decision:
        decision = decision.changed(state=DECIDED, choice=choice, reason=reason)
        decisions.save(self.store, decision)
        return decision

    def _trained(self, decision: Decision) -> str:
        """What became of a training that ended."""
        run = runs.get_run(self.store, self.config.name, decision.training)
        if run.state == "gate_failed":
            return f"not pushed: {run.reason or 'a gate did not let it pass'}"
        pushed = runs.outputs_of(self.store, run.node("Pusher")).get("pushed_model")
        version = f"version {pushes.version(pushed)}" if pushed is not None and pushes.is_push(pushed) else ""
        evaluation = runs.outputs_of(self.store, run.node("Evaluator")).get("evaluation")
        verdict = facts.verdict(evaluation) if evaluation is not None else None
        rows = [row for row in (verdict or {}).get("metrics", ()) if row["slice"] == judgements.OVERALL]
        before = f"{decision.model} on the same examples" if decision.model else "before"
        compared = _metrics(rows, before)
        return ": ".join(filter(None, (f"pushed {version}" if version else "not pushed", compared)))

    def _state(self, run_id: str) -> str | None:
        """How a run ended, None where it never began; one that still goes on is waited for."""
        if not run_id:
            return None
        while True:
            reconcile.with_evaluations(self.store, self.home, self.config.name)
            context = metadata.run_context(self.store, run_id)
            state = None if context is None else runs.text(context, "mlpipe_state")
            if state != "running":
                return state
            time.sleep(_POLL_SECONDS)

    def _judgement(self, run_id: str) -> Judgement:
        context = metadata.run_context(self.store, run_id)
        text = runs.text(context, "mlpipe_judgement") if context is not None else ""
        if not text:
            raise TryAgain(f"not evaluated: run {run_id} left no judgement")
        return judgements.load(text)

    def _last_span(self, span: Span) -> int:
        """The latest span that was good so far: one that comes late must not take the model back."""
        known = decisions.all_of(self.store, self.config.name).values()
        good = [one.number for one in known if one.state == DONE and one.choice != SKIP]
        return max([span.number, *good])

    def _new_run(self, span: Span, what: str) -> str:
        base = f"{record.new_run_id(self.store)}-span-{span.key}-{what}"
        names = (base, *(f"{base}-{n}" for n in range(2, 1000)))
        return next(name for name in names if metadata.run_context(self.store, name) is None)


_NOTHING = Judgement(0, [], [], [], [], [])


def _kept(former: Sequence[Decision]) -> int:
    """Good spans since the model was trained last."""
    count = 0
    for decision in former:
        if decision.state == DONE and decision.choice == RETRAIN:
            count = 0
        elif decision.state == DONE and decision.choice == KEEP:
            count += 1
    return count


def _found(judgement: Judgement) -> str:
    parts = [f"{judgement.examples:,} examples", _metrics(judgement.metrics, "was"), rule.drifted(judgement)]
    return ", ".join(filter(None, parts))


def _metrics(rows: Sequence[Mapping[str, Any]], before: str) -> str:
    """The metrics that have bounds, each beside what it is compared with."""
    told = []
    for row in rows:
        if row["ok"] is None:
            continue
        value = "not a number" if row["value"] is None else f"{row['value']:.4g}"
        was = "" if row["baseline"] is None else f" ({before} {row['baseline']:.4g})"
        out = "" if row["ok"] else ", out of bounds"
        told.append(f"{row['output']} {row['metric']}".strip() + f" {value}{was}{out}")
    return ", ".join(told)


def _line(decision: Decision) -> str:
    """What was decided and what came of it, in one line."""
    words = {
        SKIP: f"skipped: {decision.reason}",
        KEEP: f"{decision.model} stays: {decision.reason}",
        RETRAIN: f"trained anew ({decision.reason}): {decision.result}",
    }
    what = words.get(decision.choice, decision.result)
    return " ".join(": ".join(filter(None, (f"span {decision.key}", decision.found, what))).split())
