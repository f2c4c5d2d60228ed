"""The models that are being served: found, loaded, swapped without a gap, and unloaded.

Everything here runs on the event loop; only the file system and TensorFlow are used in threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from serving.errors import ServingError, invalid_argument, not_found
from serving.labels import Labels
from serving.loading import Load, MakeRunner, VersionLoader, WarmUp, no_warmup, wait
from serving.model_config import check_model_config
from serving.version_policy import Found, base_path_error, find_all
from serving.versions import Served, State, Version, VersionStatus, to_unload

log = logging.getLogger(__name__)


class ModelManager:
    """Keeps what is served in line with the configuration and with what lies under the base paths.

    `load` runs in `executor` (its size is how many versions load at once), `make_runner` and `warm_up` on the loop
    before the version answers its first request. A version that cannot be loaded is tried again
    `max_num_load_retries` times, then ends with its error, while an older one goes on. `poll_seconds` is the time
    between two looks for new versions; 0: only at the start and at reloads, negative: never by itself.
    """

    def __init__(
        self,
        load: Load,
        make_runner: MakeRunner,
        *,
        warm_up: WarmUp = no_warmup,
        max_num_load_retries: int = 5,
        load_retry_interval_micros: int = 60_000_000,
        poll_seconds: float = 1,
        allow_labels_for_unavailable: bool = False,
        force_allow_labels_for_unavailable: bool = False,
        executor: Executor | None = None,
    ) -> None:
        self._loader = VersionLoader(
            load, make_runner, warm_up, executor, max_num_load_retries, load_retry_interval_micros / 1e6
        )
        self._poll_seconds = poll_seconds
        self._labels = Labels(allow_labels_for_unavailable, force_allow_labels_for_unavailable)
        self._config: dict[str, ModelConfig] = {}
        self._wanted: dict[str, dict[int, Path]] = {}
        self._versions: dict[str, dict[int, Version]] = {}
        self._latest: dict[str, Version] = {}
        self._statuses: dict[str, dict[int, VersionStatus]] = {}
        self._last_log: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._poll_lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    async def start(self, config: ModelServerConfig) -> None:
        """Takes the first configuration and returns once each model has a version that answers.

        As in TF Serving, a base path that does not exist (yet) is waited for. Raises ServingError: for a wrong
        configuration, UNKNOWN `1 servable(s) did not become available: ...` when a model cannot be loaded (the manager
        goes on then, until `close`).
        """
        self._apply(config)
        if self._poll_seconds > 0:
            self._spawn(self._poll_for_ever())
        elif self._poll_seconds == 0:
            await self.poll()
        await self._until_available(list(self._config), "servable(s)")

    async def reload(self, config: ModelServerConfig) -> None:
        """Takes a new configuration and returns once its new models answer; changes nothing if it is refused.

        New versions of the other models are waited for too, so that a label can name them, but not past a first
        failure. Models that it lacks are unloaded when their requests are finished. Raises ServingError as `start`.
        """
        new = self._apply(config)
        if self._poll_seconds >= 0:
            await asyncio.shield(self._spawn(self.poll()))
        await self._until_available(new, "model(s)")

    async def poll(self) -> None:
        """Looks for versions that came or went, and starts loading and unloading them."""
        async with self._poll_lock:
            config = dict(self._config)
            found = await asyncio.to_thread(find_all, config)
            for name, versions in found.items():
                if self._config.get(name) is config[name]:
                    self._take(name, versions)

    async def close(self) -> None:
        """Unloads everything, each version when its requests are finished. No request may start after this."""
        self._closed.set()
        self._config = {}
        self._wanted = {name: {} for name in self._versions}
        for name in list(self._versions):
            self._reconcile(name)
        self._notify()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._loader.close()

    @contextmanager
    def use(self, model_spec: ModelSpec) -> Iterator[Served]:
        """The version that a request asks for; it is not unloaded inside the `with`.

        Raises ServingError: NOT_FOUND `Servable not found for request: Latest(m)`, INVALID_ARGUMENT for an unknown label.
        """
        version = self._find(model_spec)
        assert version.served is not None
        version.acquire()
        try:
            yield version.served
        finally:
            version.release()

    def status(self, model_spec: ModelSpec) -> list[VersionStatus]:
        """All versions that ever were, newest first, or the one that is asked for by number or label.

        TF Serving's documents say so of labels; itself it answers with all versions. Raises ServingError: NOT_FOUND,
        INVALID_ARGUMENT for an unknown label.
        """
        statuses = self._statuses.get(model_spec.name, {})
        if model_spec.WhichOneof("version_choice"):
            number = self._number(model_spec)
            if number not in statuses:
                raise not_found(f"Could not find version {number} of model {model_spec.name}")
            return [statuses[number]]
        if not statuses:
            raise not_found(f"Could not find any versions of model {model_spec.name}")
        return [statuses[number] for number in sorted(statuses, reverse=True)]

    def available(self) -> dict[str, list[int]]:
        """Model name -> versions that answer, newest first; configured models without one have an empty list."""
        available: dict[str, list[int]] = {name: [] for name in self._config}
        for name, versions in self._versions.items():
            numbers = [number for number, version in versions.items() if version.state is State.AVAILABLE]
            if numbers or name in available:
                available[name] = sorted(numbers, reverse=True)
        return available

    def _find(self, spec: ModelSpec) -> Version:
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            if latest := self._latest.get(spec.name):
                return latest
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        number = self._number(spec)
        version = self._versions.get(spec.name, {}).get(number)
        if version is None or version.state is not State.AVAILABLE:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {number})")
        return version

    def _number(self, spec: ModelSpec) -> int:
        if spec.WhichOneof("version_choice") == "version":
            return int(spec.version.value)
        return self._labels.version(spec.name, spec.version_label)

    def _apply(self, config: ModelServerConfig) -> list[str]:
        """Checks and takes a configuration; the names of its new models."""
        if config.WhichOneof("config") is None:
            log.info("Taking no action for empty config.")
            return []
        models = check_model_config(config, self._config)
        self._labels.assign(models, self.available())
        new = [name for name in models if name not in self._config]
        gone = [name for name in self._config if name not in models]
        for name in models:
            log.info("(Re-)adding model: %s", name)
        self._config = models
        for name in gone:
            self._wanted[name] = {}
            self._last_log.pop(name, None)
            self._reconcile(name)
        self._notify()
        return new

    async def _poll_for_ever(self) -> None:
        while not self._closed.is_set():
            try:
                await self.poll()
            except Exception:
                log.exception("Looking for new versions failed")
            await wait(self._closed, self._poll_seconds)

    def _take(self, name: str, found: Found | ServingError) -> None:
        lines = [base_path_error(found)] if isinstance(found, ServingError) else found.warnings
        for line in lines:
            if line not in self._last_log.get(name, []):
                log.warning("%s", line)
        self._last_log[name] = lines
        if isinstance(found, Found):
            self._wanted[name] = found.versions
            self._reconcile(name)

    def _reconcile(self, name: str) -> None:
        """Starts whatever brings the model's versions closer to those wanted. Called after every change."""
        wanted = self._wanted.get(name, {})
        versions = self._versions.setdefault(name, {})
        for number, version in list(versions.items()):
            version.aspire(number in wanted)
            if version.state is State.END and (version.error is None or not version.aspired):
                del versions[number]
        for number in sorted(wanted, reverse=True):
            if number not in versions:
                version = versions[number] = Version(name, number, wanted[number])
                self._set(version, State.START)
                self._spawn(self._load(version))
        for version in to_unload(versions.values()):
            self._set(version, State.UNLOADING)
            self._spawn(self._unload(version))
        if not versions:
            del self._versions[name]
            self._wanted.pop(name, None)

    async def _load(self, version: Version) -> None:
        self._set(version, State.LOADING)
        try:
            await self._loader.load(version, after_failure=self._notify)
        except ServingError as error:
            version.error = ServingError(
                error.code, error.message
            )  # without the traceback, which holds the model
            self._set(version, State.END)
        else:
            self._set(version, State.AVAILABLE)
        self._reconcile(version.name)

    async def _unload(self, version: Version) -> None:
        await version.idle()
        await self._loader.unload(version)
        self._set(version, State.END)
        self._reconcile(version.name)

    def _set(self, version: Version, state: State) -> None:
        version.state = state
        self._statuses.setdefault(version.name, {})[version.number] = version.status()
        serving = [each for each in self._versions[version.name].values() if each.state is State.AVAILABLE]
        if serving:
            self._latest[version.name] = max(serving, key=lambda each: each.number)
        else:
            self._latest.pop(version.name, None)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _until_available(self, names: Sequence[str], noun: str) -> None:
        while any(self._is_pending(name) for name in names) or any(map(self._is_loading, self._config)):
            await self._changed.wait()
        available = self.available()
        failed = [name for name in names if not available.get(name, True)]
        if failed:
            reasons = "".join(f"{{{self._reason(name)}}}, " for name in failed)
            message = f"{len(failed)} {noun} did not become available: {{{reasons}}}"
            raise ServingError(grpc.StatusCode.UNKNOWN, message)

    def _is_pending(self, name: str) -> bool:
        """Whether no version of a model answers, but one may yet."""
        if name not in self._config:
            return False
        states = {version.state for version in self._versions.get(name, {}).values()}
        if not states:
            return self._poll_seconds != 0
        return State.AVAILABLE not in states and states != {State.END}

    def _is_loading(self, name: str) -> bool:
        versions = self._versions.get(name, {}).values()
        return any(version.state <= State.LOADING and not version.failures for version in versions)

    def _reason(self, name: str) -> str:
        for _, version in sorted(self._versions.get(name, {}).items(), reverse=True):
            if version.error is not None:
                return f"{version} due to error: {version.error.code.name}: {version.error.message}"
        return f"{name} due to error: {' '.join(self._last_log.get(name, []))}"
