"""Asks the server every question over every protocol, and compares what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from components.serving_check import over_grpc, over_rest
from components.serving_check.answers import GRPC, REST, Answer, one_line
from components.serving_check.comparison import difference
from components.serving_check.ports import LOOPBACK
from components.serving_check.questions import Question
from components.serving_check.server import Server
from serving.client import GrpcClient, RequestFailed, RestClient

ASK_SECONDS = 60.0
DEATH_SECONDS = 1.0
"""How long a process may take to end after its connections broke."""


@dataclass
class Asked:
    """What came of the questions of one protocol: failures and reasons for not asking by signature.

    Latencies are in milliseconds, of single rows only.
    """

    latencies: list[float] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    not_asked: dict[str, str] = field(default_factory=dict)


def ask_all(
    server: Server, answered: Sequence[tuple[Question, Answer]], tolerance: float
) -> Mapping[str, Asked]:
    """The results by protocol; of each signature the first failure alone is kept.

    Latencies are those that the clients of `serving.client` see.

    Raises:
      ServerFailed: the server ended meanwhile.
    """
    rest_address, grpc_address = (
        f"http://{LOOPBACK}:{server.rest_port}",
        f"{LOOPBACK}:{server.grpc_port}",
    )
    with (
        RestClient(rest_address, timeout=ASK_SECONDS, attempts=1) as rest,
        GrpcClient(grpc_address, timeout=ASK_SECONDS, attempts=1) as grpc,
    ):
        obstacles = {
            question.signature: reason
            for question, own in answered
            if (reason := over_rest.obstacle(question, own)) is not None
        }
        for_rest = [(question, own) for question, own in answered if question.signature not in obstacles]
        over_json = _ask(partial(over_rest.ask, rest, server.model), REST, server, for_rest, tolerance)
        over_json.not_asked = obstacles
        tensors = _ask(partial(over_grpc.ask, grpc, server.model), GRPC, server, answered, tolerance)
        return {REST: over_json, GRPC: tensors}


def _ask(
    ask: Callable[[Question, Answer], Answer],
    protocol: str,
    server: Server,
    answered: Sequence[tuple[Question, Answer]],
    tolerance: float,
) -> Asked:
    result = Asked()
    for question, own in answered:
        if question.signature in result.failures:
            continue
        where = f"{question.signature} over {protocol}"
        began = time.perf_counter()
        try:
            served = ask(question, own)
        except RequestFailed as error:
            server.check_alive(within=DEATH_SECONDS)
            refused = f"{error.code.name}: {one_line(error.message)} ({question.place(0)})"
            result.failures[question.signature] = f"{where}: {refused}"
            continue
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            unreadable = f"{type(error).__name__}: {one_line(str(error))}"
            result.failures[question.signature] = f"{where}: an answer of another form: {unreadable}"
            continue
        if not question.is_batch:
            result.latencies.append((time.perf_counter() - began) * 1000)
        found = difference(served, own, tolerance)
        if found is not None:
            place = "" if found.row is None else f" ({question.place(found.row)})"
            result.failures[question.signature] = (
                f"{where}: output {found.output} is {found.served}, the model's own is {found.own}{place}"
            )
    return result
