"""`mlpipe loop`: waits for new spans and treats each once, for as long as it lives, whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import BadInput, GateFailed, UserError
from pipeline import config as configs
from pipeline import lock, metadata, metadata_address, sources
from pipeline.home import Home
from pipeline.loop import decisions, spans
from pipeline.loop.decisions import DONE
from pipeline.loop.spans import Span
from pipeline.loop.step import Step, Works
from pipeline.loop.worker import Worker
from pipeline.metadata import Store
from pipeline.sections import Config
from pipeline.signals import Terminated, terminable
from pipeline.unseen import subject as subjects
from pipeline.wording import display

_HOLDER = "loop"


def loop(
    pipeline: str, overrides: Sequence[str], home: Home, once: bool = False, worker: Works | None = None
) -> None:
    """Treats the spans that are new, and unless `once` goes on to wait for others; Ctrl-C ends it.

    Raises:
      BadInput: a wrong configuration, or one without spans.
      UserError: another loop of the pipeline goes on; or, where the configuration says stop, a span is bad.
      Terminated: it was ended by SIGTERM.
    """
    config = configs.load(pipeline, overrides)
    spans.check(config)
    metadata_address.keep(home, config.metadata.uri, config.metadata.password_file)
    home.check_writable(config.name)
    store = metadata.open_store(home, create=True)
    name = f"{config.name}-loop"
    voice = _Voice(home, name)
    worker = worker or Worker(pipeline, overrides, home, home.log(name, "runs"))
    at_work = _Loop(pipeline, overrides, home, store, worker, voice, once)
    try:
        with lock.lock(home, name, _HOLDER), terminable():
            if not once:
                every = f"{config.loop.poll_seconds:g} s"
                voice.say(
                    f"{config.name}: waits for new spans, looks every {every}; log {display(voice.log)}"
                )
            at_work.go_on()
    except lock.Busy:
        holder = lock.holder(home, name)
        raise lock.Busy(
            f"a loop of {config.name} goes on already: process {holder.pid if holder else '?'}; let it work, or end it"
        ) from None
    except (KeyboardInterrupt, Terminated) as error:
        voice.say(f"{config.name}: the loop has ended; what was begun goes on when it starts again")
        if isinstance(error, Terminated):
            raise


def history(store: Store, pipeline: str) -> list[str]:
    """What was decided, a line for each span, in the order in which they came."""
    found = decisions.all_of(store, pipeline).values()
    return [f"{one.ended or one.started} {one.line or f'span {one.key}: {one.state}'}" for one in found]


@dataclass
class _Loop:
    pipeline: str
    overrides: Sequence[str]
    home: Home
    store: Store
    worker: Works
    voice: _Voice
    once: bool
    # Spans from before the loop that were there when it first looked.
    older: set[Span] | None = None

    def go_on(self) -> None:
        pause = 1.0
        while True:
            try:
                # Read anew each time: a change of the file holds from the next span on.
                config = configs.load(self.pipeline, self.overrides)
                pause = config.loop.poll_seconds
                span = self._next(config)
            except UserError as error:
                if self.once:
                    raise
                self.voice.say(f"waits until this is mended: {error}", again=False)
                time.sleep(pause)
                continue
            if span is not None:
                try:
                    step = Step(config, self.home, self.store, self.worker, self.voice.say)
                    self.voice.say(step.handle(span))
                    continue
                except (BadInput, GateFailed):
                    raise
                except UserError as error:
                    if self.once:
                        raise
                    self.voice.say(str(error))
            if self.once:
                return
            time.sleep(pause)

    def _next(self, config: Config) -> Span | None:
        """The first span that is not done; None when there is none, or it may still be written."""
        found = spans.available(config)
        after = decisions.first_span(self.store, config.name)
        if after is None:
            after = self._beginning(config, found)
            if after is None:
                return None
            decisions.begin_after(self.store, config.name, after)
        self._tell_of_older(config, {span for span in found if span.number <= after}, after)
        treated = decisions.all_of(self.store, config.name)
        done = {key for key, one in treated.items() if one.state == DONE}
        before = after
        for span in found:
            if span.number <= after:
                continue
            written = None if span.key in done else spans.changed(config, span)
            if written is not None:
                left = written + config.loop.settle_seconds - time.time()
                if left > 0 and not self.once:
                    return None
                if left > 0:
                    time.sleep(left)
                    return self._next(config)
                if span.key not in treated:
                    self._tell_of_hole(config, before, span)
                return span
            if span.key in done:
                before = span.number
        return None

    def _beginning(self, config: Config, found: Sequence[Span]) -> int | None:
        """The span after which the loop begins: the one that the pushed model knows, or all but the latest."""
        try:
            return subjects.find(self.store, self.home, config.name).span
        except BadInput:
            return found[-1].number - 1 if found else None

    def _tell_of_older(self, config: Config, older: set[Span], after: int) -> None:
        for span in sorted(older - (older if self.older is None else self.older), key=lambda one: one.number):
            self.voice.say(
                f"span {span.key}: left alone: the loop began after span {after}; mlpipe evaluate {config.name} --span"
                f" {span.number} judges the model on it"
            )
        self.older = older | (self.older or set())

    def _tell_of_hole(self, config: Config, before: int, span: Span) -> None:
        missing = range(before + 1, span.number)
        # Days without data are nothing strange.
        if not missing or not any("{SPAN" in path for path in sources.named(config.data)):
            return
        named = f"spans {missing[0]} to {missing[-1]} are" if len(missing) > 1 else f"span {missing[0]} is"
        self.voice.say(
            f"{named} not there: goes on with span {span.number}; what comes late is taken up then"
        )


class _Voice:
    """Tells a line to people and to the log."""

    def __init__(self, home: Home, name: str) -> None:
        self.log = home.log(name, "decisions")
        self._last = ""

    def say(self, line: str, again: bool = True) -> None:
        """again: also when it is the line that was told last."""
        if line == self._last and not again:
            return
        self._last = line
        told = f"{decisions.now()} {line}"
        print(told, flush=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{told}\n")
