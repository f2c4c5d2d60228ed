"""Asks the models in `pipeline.model_process`, which is started when it is needed and ended when it is not."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from serving.client_types import Signature, Tensor
from serving.json_values import from_json, to_json

IDLE_SECONDS = 600.0
ANSWER_SECONDS = 300.0
"""An answer that takes longer is given up; loading a model is part of its first one."""
_CHUNK = 1 << 20
_REPOSITORY = Path(__file__).parents[2]


class ModelFailed(UserError):
    """The model cannot be asked; one line says why."""


class Models:
    """The versions that pages ask about, in one process of their own; its methods may be called from any thread.

    The process is started by the first question. It ends after `idle_seconds` without one, by `close`, and with this process
    however that ends, as its input is then closed. One that died is started anew by the next question.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None
        self._signatures: dict[tuple[str, int], dict[str, Signature]] = {}

    def signatures(self, folder: Path) -> dict[str, Signature]:
        """The signatures of the model in a folder.

        Raises:
          ModelFailed: it cannot be loaded.
        """
        try:
            key = (str(folder), (folder / "saved_model.pb").stat().st_mtime_ns)
        except OSError:
            raise ModelFailed(
                f"{folder}: there is no SavedModel (any more): choose another version"
            ) from None
        if key not in self._signatures:
            answer = self._ask({"do": "signatures", "folder": str(folder)})
            self._signatures[key] = {
                name: Signature(_tensors(one["inputs"]), _tensors(one["outputs"]), "")
                for name, one in answer["signatures"].items()
            }
        return self._signatures[key]

    def predict(
        self, folder: Path, signature: str, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Output name -> value for each row.

        Raises:
          ModelFailed: it cannot be loaded, does not take the rows, or ended.
        """
        self.signatures(folder)
        asked = {"do": "predict", "folder": str(folder), "signature": signature, "rows": to_json(list(rows))}
        return list(from_json(self._ask(asked)["rows"]))

    @property
    def pid(self) -> int | None:
        """The process that holds the models, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                answer = self._answer(json.dumps(request).encode() + b"\n")
            finally:
                self._idle = threading.Timer(self._idle_seconds, self._end_if_idle, [self._process])
                self._idle.daemon = True
                self._idle.start()
        if "error" in answer:
            raise ModelFailed(answer["error"])
        return answer

    def _answer(self, line: bytes) -> dict[str, Any]:
        if self.pid is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            return dict(json.loads(self._line(process)))
        except _TooSlow:
            process.kill()
            self._end()
            raise ModelFailed(
                f"the model did not answer within {self._answer_seconds:.0f} s; ask it less at once"
            ) from None
        except (OSError, EOFError):
            self._end()
            code = process.returncode
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ModelFailed(
                f"the process with the model {how}, maybe for want of memory; the next question starts it anew"
            ) from None

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        end = time.monotonic() + self._answer_seconds
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise _TooSlow
            part = os.read(descriptor, _CHUNK)
            if not part:
                raise EOFError
            parts.append(part)
        return b"".join(parts)

    def _start(self) -> None:
        paths = [str(_REPOSITORY), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.model_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            # Ctrl-C at the terminal is for the app, which then ends it.
            start_new_session=True,
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except OSError:
            pass
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _end_if_idle(self, process: subprocess.Popen[bytes] | None) -> None:
        # A question that comes at the same moment holds the lock, and needs the process.
        if self._lock.acquire(blocking=False):
            try:
                if process is self._process:
                    self._end()
            finally:
                self._lock.release()


class _TooSlow(Exception):
    """No answer in time."""


def _tensors(named: Mapping[str, Sequence[Any]]) -> dict[str, Tensor]:
    return {
        name: Tensor(dtype, None if shape is None else tuple(shape)) for name, (dtype, shape) in named.items()
    }
