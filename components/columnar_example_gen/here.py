"""Blocks and shards worked on by the threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from components.columnar_example_gen.tables import Made, Piece, Work

Item = TypeVar("Item")
Result = TypeVar("Result")
_MOST_THREADS = 4
"""Each holds a block in several forms, and they share Python's lock."""


def pieces(work: Work[Made], digests: dict[int, str]) -> Iterator[Piece[Made]]:
    """Works on all blocks; the pieces are in the order of the rows."""
    return in_order(work, work.tables.blocks(digests))


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results for all items, in their order; one item more is taken than there are threads."""
    threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
