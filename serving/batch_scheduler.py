"""TF Serving's shared batch scheduler: queues whose batches a few threads run, one batch per queue in turn.

A batch is ready when it is full, when a later request did not fit into it, or when its first request has waited for the
time limit; the threads take the next ready batch themselves, so that none of them waits for the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping

import grpc
import numpy as np

from serving.batching_parameters import BatchingOptions
from serving.errors import ServingError, invalid_argument


class Task:
    """One request, or the part of it that goes into one batch."""

    __slots__ = ("batch", "enqueued", "feeds", "future", "kind", "size")

    def __init__(self, feeds: Mapping[str, np.ndarray], size: int, kind: Hashable) -> None:
        self.feeds = feeds
        self.size = size
        self.kind = kind
        self.enqueued = time.perf_counter()
        self.future: asyncio.Future[list[np.ndarray]] = asyncio.get_running_loop().create_future()
        self.batch: Batch | None = None

    def split(self, sizes: list[int]) -> list[Task]:
        """Parts with so many rows each."""
        parts, start = [], 0
        for size in sizes:
            rows = {name: tensor[start : start + size] for name, tensor in self.feeds.items()}
            parts.append(Task(rows, size, self.kind))
            start += size
        return parts


class Batch:
    """Tasks of one kind that will run together, or do."""

    __slots__ = ("closed", "deadline", "kind", "queue", "size", "tasks")

    def __init__(self, queue: Queue, kind: Hashable, deadline: float) -> None:
        self.queue = queue
        self.kind = kind
        self.deadline = deadline
        self.tasks: list[Task] = []
        self.size = 0
        self.closed = False


class Queue:
    """The batches that wait for one signature of one owner, oldest first; per kind the last one is still open."""

    __slots__ = ("batches", "open", "owner", "process", "signature")

    def __init__(self, owner: Hashable, signature: Hashable, process: Callable[[list[Task]], None]) -> None:
        self.owner = owner
        self.signature = signature
        self.process = process
        self.batches: list[Batch] = []
        self.open: dict[Hashable, Batch] = {}


class BatchScheduler:
    """Batches of all models and versions. `schedule` and `withdraw` are called on the event loop."""

    def __init__(self, options: BatchingOptions) -> None:
        self.options = options
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._queues: OrderedDict[tuple[Hashable, Hashable], Queue] = OrderedDict()
        self._unfinished: Counter[Hashable] = Counter()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{options.thread_pool_name}_{number}", daemon=True)
            for number in range(options.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(
        self, owner: Hashable, signature: Hashable, process: Callable[[list[Task]], None], task: Task
    ) -> list[Task]:
        """Puts the task into the queue of this owner and signature, whose batches `process` gets on a batch thread.

        Returns the tasks whose futures together are the answer: more than one where the request was split.
        Raises ServingError: the task is too large (INVALID_ARGUMENT) or the queue is full (RESOURCE_EXHAUSTED; TF
        Serving says UNAVAILABLE, which clients take for a server that is gone and answer with more requests).
        """
        limit = self.options.max_batch_size
        if task.size > limit:
            raise invalid_argument(f"Task size {task.size} is larger than maximum input batch size {limit}")
        with self._lock:
            queue = self._queues.get((owner, signature)) or Queue(owner, signature, process)
            sizes = self._part_sizes(queue, task)
            tasks = [task] if len(sizes) == 1 else task.split(sizes)
            self._queues[owner, signature] = queue
            for each in tasks:
                self._place(queue, each)
        return tasks

    def withdraw(self, tasks: list[Task]) -> None:
        """Takes tasks whose client gave up out of the batches that do not run yet."""
        with self._lock:
            for task in tasks:
                batch = task.batch
                if batch is None or batch not in batch.queue.batches:
                    continue
                batch.tasks.remove(task)
                batch.size -= task.size
                if not batch.tasks:
                    self._dequeue(batch)
                    self._unfinished[batch.queue.owner] -= 1

    def hurry(self, owner: Hashable) -> None:
        """What the owner has in its queues runs as soon as a thread is free."""
        with self._lock:
            for queue in self._queues.values():
                if queue.owner is owner:
                    for batch in queue.batches:
                        batch.closed = True
            self._work.notify_all()

    def busy(self, owner: Hashable) -> bool:
        """Whether batches of the owner wait or run."""
        with self._lock:
            if not self._unfinished[owner]:
                del self._unfinished[owner]
            return owner in self._unfinished

    def close(self) -> None:
        """Ends the threads once nothing is queued."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    def _part_sizes(self, queue: Queue, task: Task) -> list[int]:
        """How many rows of the task go into which of the next batches. Raises ServingError: there is no room."""
        limit, enqueued = self.options.execution_limit, self.options.enqueued_limit
        open_batch = queue.open.get(task.kind)
        open_size = open_batch.size if open_batch else 0
        if not self.options.enable_large_batch_splitting:
            fits = open_batch is not None and open_size + task.size <= limit
            if not fits and len(queue.batches) >= enqueued:
                raise exhausted(
                    f"currently {len(queue.batches)} batches enqueued and max_enqueued_batches is {enqueued}"
                )
            return [task.size]
        batches = len(queue.batches) + (not open_batch)
        capacity = (enqueued - batches) * limit + limit - open_size
        if task.size > capacity:
            raise exhausted(
                f"task size is {task.size} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={batches}, max_enqueued_batches={enqueued}, "
                f"open_batch_size={open_size}, max_execution_batch_size={limit})"
            )
        sizes = [min(task.size, limit - open_size)] if open_size < limit else []
        while (rest := task.size - sum(sizes)) > 0:
            sizes.append(min(rest, limit))
        return sizes

    def _place(self, queue: Queue, task: Task) -> None:
        limit = self.options.execution_limit
        batch = queue.open.get(task.kind)
        if batch and batch.size + task.size > limit:
            batch.closed = True
            self._work.notify()
            batch = None
        if not batch:
            batch = Batch(queue, task.kind, task.enqueued + self.options.batch_timeout_micros * 1e-6)
            queue.open[task.kind] = batch
            queue.batches.append(batch)
            self._unfinished[queue.owner] += 1
            self._work.notify()
        batch.tasks.append(task)
        batch.size += task.size
        task.batch = batch
        if batch.size >= limit and len(batch.tasks) > 1:
            self._work.notify()

    def _dequeue(self, batch: Batch) -> None:
        queue = batch.queue
        queue.batches.remove(batch)
        if queue.open.get(batch.kind) is batch:
            del queue.open[batch.kind]
        if not queue.batches:
            del self._queues[queue.owner, queue.signature]

    def _run(self) -> None:
        while batch := self._next():
            try:
                batch.queue.process(batch.tasks)
            finally:
                with self._lock:
                    self._unfinished[batch.queue.owner] -= 1
            # Its tensors are not kept until the next batch comes.
            del batch

    def _next(self) -> Batch | None:
        """The next ready batch, waited for; None once the scheduler is closed and empty."""
        with self._lock:
            while True:
                now, wake = time.perf_counter(), None
                for key, queue in self._queues.items():
                    for batch in queue.batches:
                        if (
                            batch.closed
                            or batch.size >= self.options.execution_limit
                            or batch.deadline <= now
                        ):
                            self._queues.move_to_end(key)
                            self._dequeue(batch)
                            return batch
                        wake = min(batch.deadline, wake or batch.deadline)
                if self._closed and not self._queues:
                    return None
                self._work.wait(None if wake is None else wake - now)


def exhausted(reason: str) -> ServingError:
    """The queue is full, for the reason given."""
    return ServingError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"The batch scheduling queue to which this task was submitted is full; {reason}",
    )
