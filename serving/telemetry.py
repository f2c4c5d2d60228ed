"""What the server tells about its work: TF Serving's metrics and a line of JSON per request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.registry import CollectorRegistry

from serving.access_log import LONGEST_NAME, AccessLog, RequestRecord
from serving.errors import ServingError
from serving.metrics import Counter, Histogram, exponential, exposition

CURRENT_API: ContextVar[str] = ContextVar("api", default="Predict")
"""Which API the running request came by, for the label of `runtime_latency`. Classify and the like set it."""

# APIs whose requests TF Serving counts, over gRPC; over REST it counts them all.
COUNTED_OVER_GRPC = frozenset({"Predict", "Classify", "Regress"})
# The label that TF Serving's REST front gives each API: the verb of the path, nothing where there is none.
REST_VERBS = {"Predict": "predict", "Classify": "classify", "Regress": "regress"}


class Telemetry:
    """Metrics of one server, under the names, labels and buckets of TF Serving 2.19. Safe to call from any thread."""

    def __init__(self) -> None:
        self.access_log = AccessLog()
        self.registry = CollectorRegistry(auto_describe=False)
        requests = exponential(10, 1.8, 33)  # microseconds, to about 20 minutes
        sizes = exponential(1, 2, 14)
        self._request_count = self._counter("serving:request_count", "model_name", "status")
        self._request_latency = self._histogram(
            "serving:request_latency", requests, "model_name", "API", "entrypoint"
        )
        self._runtime_latency = self._histogram(
            "serving:runtime_latency", requests, "model_name", "API", "runtime"
        )
        self._example_counts = self._histogram(
            "serving:request_example_counts", exponential(1, 2, 15), "model"
        )
        self._example_total = self._counter("serving:request_example_count_total", "model")
        self._warmup_latency = self._histogram(
            "serving:model_warmup_latency", requests, "model_path", "status"
        )
        self._load_attempts = self._counter("cc:saved_model:load_attempt_count", "model_path", "status")
        self._load_latency = self._counter("cc:saved_model:load_latency", "model_path")
        self._graph_runs = self._counter("core:graph_runs")
        self._graph_run_time = self._counter("core:graph_run_time_usecs")
        self._queuing_latency = self._histogram(
            "serving:batching_session:queuing_latency", exponential(100, 1.2, 52), "thread_pool_name"
        )
        self._wrapped_run_count = self._counter("serving:batching_session:wrapped_run_count")
        self._input_batch_size = self._histogram("serving:batching_session:input_batch_size", sizes)
        self._processed_batch_size = self._histogram("serving:batching_session:processed_batch_size", sizes)
        self._padding_size = self._histogram(
            "serving:batching_session:padding_size", sizes, "execution_batch_size"
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def record(self, request: RequestRecord) -> None:
        """Counts an answered request and writes its line into the access log."""
        over_rest = request.entrypoint == "REST"
        if over_rest or request.api in COUNTED_OVER_GRPC:
            model = request.model[:LONGEST_NAME]
            self._request_count.add(model, request.status)
            if request.status == "OK":
                api = REST_VERBS.get(request.api, "") if over_rest else request.api
                self._request_latency.observe(int(request.seconds * 1e6), model, api, request.entrypoint)
        self.access_log.add(request)

    def runtime(self, model: str, seconds: float) -> None:
        """The model ran for the current request, the time in a batching queue included."""
        self._runtime_latency.observe(int(seconds * 1e6), model, CURRENT_API.get(), "TF1")

    def graph_run(self, seconds: float) -> None:
        """TensorFlow ran once, for one request or for a batch of them."""
        self._graph_runs.add()
        self._graph_run_time.add(by=int(seconds * 1e6))

    def examples(self, model: str, count: int) -> None:
        """A request to classify or regress held so many examples."""
        self._example_counts.observe(count, model)
        self._example_total.add(model, by=count)

    @contextmanager
    def loading(self, model_path: str) -> Iterator[None]:
        """Measures the load of a version; one that fails raises."""
        began, status = time.perf_counter(), "fail"
        try:
            yield
            status = "success"
            self._load_latency.add(model_path, by=int((time.perf_counter() - began) * 1e6))
        finally:
            self._load_attempts.add(model_path, status)

    @contextmanager
    def warming(self, model_path: str) -> Iterator[None]:
        """Measures the replay of a version's warm-up requests; one that fails raises ServingError."""
        began, status = time.perf_counter(), "OK"
        try:
            yield
        except ServingError as error:
            status = error.code.name
            raise
        finally:
            self._warmup_latency.observe(int((time.perf_counter() - began) * 1e6), model_path, status)

    def enqueued(self, input_sizes: list[int]) -> None:
        """A request came to the batching queue: the 0th dimension of each input."""
        for size in input_sizes:
            self._input_batch_size.observe(size)

    def dequeued(self, thread_pool: str, seconds: float) -> None:
        """A request left the batching queue for a batch thread after so long."""
        self._queuing_latency.observe(int(seconds * 1e6), thread_pool)

    def batch(self, size: int, padding: int) -> None:
        """A batch of `size` rows, `padding` of them made up, is about to run."""
        self._padding_size.observe(padding, str(size))
        self._processed_batch_size.observe(size)

    def batch_ran(self, seconds: float) -> None:
        """A batch ran, well or not."""
        self._wrapped_run_count.add()
        self.graph_run(seconds)

    def exposition(self) -> bytes:
        """The page of metrics, to be sent as `serving.metrics.CONTENT_TYPE`."""
        return exposition(self.registry)

    def _counter(self, name: str, *labels: str) -> Counter:
        counter = Counter(f":tensorflow:{name}", labels)
        self.registry.register(counter)
        return counter

    def _histogram(self, name: str, limits: list[float], *labels: str) -> Histogram:
        histogram = Histogram(f":tensorflow:{name}", limits, labels)
        self.registry.register(histogram)
        return histogram
