"""Puts the server together from its options, runs it, and takes it down without losing a request."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

import grpc
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from common.errors import BadInput
from serving import addresses, batching_parameters, inference, remote_models
from serving.batch_scheduler import BatchScheduler
from serving.batching import BatchingRunner
from serving.config_file import follow
from serving.errors import ServingError
from serving.grpc_server import make_grpc_server
from serving.grpc_service import register
from serving.http_server import serve_http
from serving.logs import LoopFaults
from serving.manager import MakeRunner, ModelManager, WarmUp, no_warmup
from serving.model_config import read_model_config, single_model_config
from serving.options import ServerOptions
from serving.rest import App, make_app
from serving.runner import DirectRunner, make_pool
from serving.saved_model import load_saved_model
from serving.servable import Servable
from serving.telemetry import Telemetry
from serving.text_protos import BatchingParameters, MonitoringConfig, parse_text_file
from serving.tflite import TFLITE_FILE, load_tflite
from serving.versions import Served
from serving.warmup import REQUESTS_FILE, warm_up

log = logging.getLogger("serving")

METRICS_PATH = "/monitoring/prometheus/metrics"
DRAIN_SECONDS = 60.0


async def serve(options: ServerOptions) -> None:
    """Loads the configured models, listens, and returns after SIGTERM or SIGINT with every request answered.

    A second signal ends the process at once.
    Raises BadInput for files and addresses that are wrong, ServingError when no model can be served.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(LoopFaults())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, stopping, number)
    config = read_config(options)
    metrics_path = read_metrics_path(options)
    telemetry = Telemetry()
    make_runner = runner_maker(options, telemetry)
    inference.check_method_names(options.enable_signature_method_name_check)

    hosts = addresses.resolve(options.host)
    http_sockets = (
        addresses.bind(hosts, options.rest_api_port, "--rest_api_port") if options.rest_api_port else []
    )
    # gRPC listens as soon as it has its port, so it gets it after the models; whether it is free is known before.
    for probe in addresses.bind(hosts, options.port, "--port") if options.port else []:
        probe.close()
    manager = make_manager(options, make_runner, telemetry)
    app = make_app(
        manager,
        telemetry,
        timeout_seconds=options.rest_api_timeout_in_ms / 1000,
        metrics_path=metrics_path,
        max_body_bytes=options.rest_api_max_body_mb * 2**20,
    )
    try:
        if await start_models(manager, config, stopping):
            grpc_server = make_grpc_server(
                [addresses.join(host, options.port) for host in hosts] if options.port else [],
                options.grpc_socket_path,
                options.grpc_channel_arguments,
            )
            as_content = options.enable_serialization_as_tensor_content
            health = register(grpc_server, manager, telemetry, as_content=as_content)
            tune_interpreter()
            async with listening(options, grpc_server, app, http_sockets, stopping):
                following = follow_config_file(options, manager)
                await stopping.wait()
                log.info("Stopping: requests that have begun are finished")
                health.drain()
                following.cancel()
    finally:
        await manager.close()
        telemetry.access_log.flush()


def stop(stopping: asyncio.Event, number: int) -> None:
    """Answers a signal."""
    if stopping.is_set():
        log.warning("Told to stop again: ends at once")
        os._exit(128 + number)
    stopping.set()


@asynccontextmanager
async def listening(
    options: ServerOptions,
    grpc_server: grpc.aio.Server,
    app: App,
    http_sockets: list[socket.socket],
    stopping: asyncio.Event,
) -> AsyncIterator[None]:
    """Both APIs take requests inside the block; at its end those that have begun are finished."""
    http: list[asyncio.Task[None]] = []
    try:
        await grpc_server.start()
        where = f"{options.host}:{options.port}" if options.port else options.grpc_socket_path
        log.info("Running gRPC ModelServer at %s ...", where)
        if http_sockets:
            addresses.listen(http_sockets, options.rest_api_port, "--rest_api_port")
            http.append(asyncio.create_task(serve_http(app, http_sockets, stopping, DRAIN_SECONDS)))
            http[0].add_done_callback(lambda _: stopping.set())
            log.info("Exporting HTTP/REST API at:%s:%d ...", options.host, options.rest_api_port)
        yield
    finally:
        stopping.set()
        await asyncio.gather(grpc_server.stop(DRAIN_SECONDS), *http)


def read_config(options: ServerOptions) -> ModelServerConfig:
    """The models to begin with. Raises BadInput naming the file."""
    if not options.model_config_file:
        base_path = options.model_base_path
        absolute = base_path if "://" in base_path else str(Path(base_path).absolute())
        return single_model_config(options.model_name, absolute)
    try:
        return read_model_config(options.model_config_file)
    except ServingError as error:
        raise BadInput(f"--model_config_file: {error.message}") from None


def read_metrics_path(options: ServerOptions) -> str | None:
    """Where metrics are shown, None where the monitoring configuration turns them off. Raises BadInput."""
    if not options.monitoring_config_file:
        return METRICS_PATH
    try:
        config = parse_text_file(options.monitoring_config_file, MonitoringConfig)
    except ServingError as error:
        raise BadInput(f"--monitoring_config_file: {error.message}") from None
    prometheus = config.prometheus_config
    return (prometheus.path or METRICS_PATH) if prometheus.enable else None


def runner_maker(options: ServerOptions, telemetry: Telemetry) -> MakeRunner:
    """How requests reach a version: one by one, or in batches. Raises BadInput for wrong batching parameters."""
    if not options.enable_batching:
        pool = make_pool()
        return lambda name, version, servable: DirectRunner(servable, name, pool, telemetry)
    message = BatchingParameters()
    try:
        if options.batching_parameters_file:
            message = parse_text_file(options.batching_parameters_file, BatchingParameters)
        scheduler = BatchScheduler(batching_parameters.from_message(message))
    except ServingError as error:
        raise BadInput(
            f"--batching_parameters_file={options.batching_parameters_file}: {error.message}"
        ) from None
    return lambda name, version, servable: BatchingRunner(servable, name, scheduler, telemetry)


def make_manager(options: ServerOptions, make_runner: MakeRunner, telemetry: Telemetry) -> ModelManager:
    """A manager that loads SavedModels, or TFLite models where those are preferred and there."""
    tags = options.saved_model_tags.split(",")

    def load(name: str, version: int, path: Path) -> Servable:
        with telemetry.loading(str(path)):
            remote_models.fetch(path)
            if options.prefer_tflite_model and (path / TFLITE_FILE).is_file():
                return load_tflite(path, options.tflite_interpreters)
            threads = {
                "intra_op_threads": options.intra_op_threads,
                "inter_op_threads": options.inter_op_threads,
            }
            return load_saved_model(path, tags, **threads)

    return ModelManager(
        load,
        make_runner,
        warm_up=warmer(options, telemetry),
        max_num_load_retries=options.max_num_load_retries,
        load_retry_interval_micros=options.load_retry_interval_micros,
        poll_seconds=options.file_system_poll_wait_seconds,
        allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        force_allow_labels_for_unavailable=options.force_allow_any_version_labels_for_unavailable_models,
        executor=ThreadPoolExecutor(options.num_load_threads or 1, thread_name_prefix="load"),
    )


def warmer(options: ServerOptions, telemetry: Telemetry) -> WarmUp:
    """What a version goes through before it answers its first request."""
    if not options.enable_model_warmup:
        return no_warmup
    iterations = max(1, options.num_request_iterations_for_warmup)

    async def measured(served: Served, path: Path) -> None:
        recorded = (path / REQUESTS_FILE).is_file()
        with telemetry.warming(str(path)) if recorded else nullcontext():
            await warm_up(served, path, iterations=iterations)

    return measured


def follow_config_file(options: ServerOptions, manager: ModelManager) -> asyncio.Task[None]:
    """A task that reloads the configuration file as often as the options ask; one that does nothing where they do not."""
    if options.model_config_file and options.model_config_file_poll_wait_seconds > 0:
        every = options.model_config_file_poll_wait_seconds
        return asyncio.create_task(follow(options.model_config_file, manager, every))
    return asyncio.create_task(asyncio.sleep(0))


def tune_interpreter() -> None:
    """Settings of Python for a server whose loop shares the interpreter with threads that come back from TensorFlow."""
    # TensorFlow and the first models stay: looking through them, a collection held up all requests for 0.3 s.
    gc.collect()
    gc.freeze()
    # A thread with an answer waits so long for the loop to let go; Python's own 5 ms are those of a whole small batch.
    sys.setswitchinterval(0.001)


async def start_models(manager: ModelManager, config: ModelServerConfig, stopping: asyncio.Event) -> bool:
    """Waits for the first models; False when the server is told to stop meanwhile.

    A model that cannot be served is only logged while another one can. Raises ServingError when none can.
    """
    starting = asyncio.create_task(manager.start(config))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not starting.done():
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        return False
    try:
        await starting
    except ServingError as error:
        if not any(manager.available().values()):
            raise
        log.error("%s", error.message)
    return True
