"""`mlpipe loop`: waits for new spans and treats each once, for as long as it lives, whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from common.errors import BadInput
from pipeline import config as configs
from pipeline import lock, metadata, metadata_address
from pipeline.home import Home
from pipeline.loop import decisions, spans
from pipeline.loop.decisions import DONE
from pipeline.loop.spans import Span
from pipeline.loop.step import Step, TryAgain, Works
from pipeline.loop.worker import Worker
from pipeline.metadata import Store
from pipeline.sections import Config
from pipeline.signals import terminable
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
    """
    config = configs.load(pipeline, overrides)
    spans.check(config)
    metadata_address.keep(home, config.metadata.uri, config.metadata.password_file)
    home.check_writable(config.name)
    store = metadata.open_store(home, create=True)
    name = f"{config.name}-loop"
    voice = _Voice(home, name)
    worker = worker or Worker(pipeline, overrides, home, home.log(name, "runs"))
    try:
        with lock.lock(home, name, _HOLDER), terminable():
            if not once:
                every = f"{config.loop.poll_seconds:g} s"
                voice.say(
                    f"{config.name}: waits for new spans, looks every {every}; log {display(voice.log)}"
                )
            _go_on(pipeline, overrides, home, store, worker, voice, once)
    except lock.Busy:
        holder = lock.holder(home, name)
        raise lock.Busy(
            f"a loop of {config.name} goes on already: process {holder.pid if holder else '?'}; let it work, or end it"
        ) from None
    except KeyboardInterrupt:
        voice.say(f"{config.name}: the loop has ended; what was begun goes on when it starts again")


def history(store: Store, pipeline: str) -> list[str]:
    """What was decided, a line for each span, in the order in which they came."""
    found = decisions.all_of(store, pipeline).values()
    return [f"{one.ended or one.started} {one.line or f'span {one.key}: {one.state}'}" for one in found]


def _go_on(
    pipeline: str,
    overrides: Sequence[str],
    home: Home,
    store: Store,
    worker: Works,
    voice: _Voice,
    once: bool,
) -> None:
    pause = 1.0
    while True:
        try:
            # Read anew each time: a change of the file holds from the next span on.
            config = configs.load(pipeline, overrides)
            pause = config.loop.poll_seconds
            span = _next(config, home, store, once)
        except BadInput as error:
            if once:
                raise
            voice.say(f"waits until this is mended: {error}", again=False)
            time.sleep(pause)
            continue
        if span is not None:
            try:
                voice.say(Step(config, home, store, worker).handle(span))
                continue
            except TryAgain as error:
                if once:
                    raise
                voice.say(str(error))
        if once:
            return
        time.sleep(pause)


def _next(config: Config, home: Home, store: Store, once: bool) -> Span | None:
    """The first span that is not done; None when there is none, or it may still be written."""
    found = spans.available(config, home)
    after = decisions.first_span(store, config.name)
    if after is None:
        after = _beginning(config, home, store, found)
        if after is None:
            return None
        decisions.begin_after(store, config.name, after)
    done = {key for key, one in decisions.all_of(store, config.name).items() if one.state == DONE}
    for span in found:
        if span.number <= after or span.key in done:
            continue
        left = span.wait(config.loop.settle_seconds)
        if not left:
            return span
        if not once:
            return None
        time.sleep(left)
        return _next(config, home, store, once)
    return None


def _beginning(config: Config, home: Home, store: Store, found: Sequence[Span]) -> int | None:
    """The span after which the loop begins: the one that the pushed model knows, or all but the latest."""
    try:
        return subjects.find(store, home, config.name).span
    except BadInput:
        return found[-1].number - 1 if found else None


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
