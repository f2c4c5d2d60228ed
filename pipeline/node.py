"""One component of one run: the unit that every runner executes; gates and exit codes live here."""

from __future__ import annotations

import errno
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import data_types, execution_publish_utils, launcher
from tfx.proto.orchestration import execution_result_pb2, pipeline_pb2
from tfx.types.standard_component_specs import INPUT_BASE_KEY

from common.errors import UserError
from pipeline import gates, metadata_address, remote_artifacts
from pipeline.copies import Copies
from pipeline.lineage import RESOLVER
from pipeline.metadata import RESTART_SECONDS, Store
from pipeline.metadata_address import Address

Gate = Callable[[str, gates.Outputs], None]


@dataclass(frozen=True)
class NodeResult:
    """What a node did: state is complete, cached or skipped; outputs are artifacts by output key."""

    node_id: str
    state: str
    seconds: float
    outputs: dict[str, list[pb.Artifact]]


class NodeFailed(UserError):
    """A component raised; the message is one line for the user, the cause has the traceback."""

    def __init__(self, node_id: str, cause: BaseException) -> None:
        if isinstance(cause, ImportError) and cause.__cause__ is not None:
            # TFX tells that a module cannot be imported, but not why.
            cause = cause.__cause__
        super().__init__(f"{node_id} failed: {_one_line(cause)}{_place(cause)}")
        self.cause = cause

    def last_lines(self, count: int = 8) -> str:
        """The end of the component's traceback."""
        lines = "".join(traceback.format_exception(self.cause)).rstrip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-count:])


class Observer(Protocol):
    """Who is told how a run goes on."""

    def started(self, node_id: str) -> None: ...

    def finished(self, result: NodeResult) -> None: ...


class Handle(metadata.Metadata):
    """TFX's access to ML Metadata, by the store that waits, keeps its lists in order and tells its troubles."""

    def __init__(self, address: Address) -> None:
        super().__init__(metadata_address.connection(address))
        self._address = address

    def __enter__(self) -> Handle:
        if self._users == 0:
            self._store = Store(self._address, self._connection_config, patience=RESTART_SECONDS)
        self._users += 1
        return self


class _Launcher(launcher.Launcher):
    """TFX's launcher, which takes up the execution of a former try of the node in the same run; here each has its own.

    What lies in an object store is brought here for the executor, and what it made is there before it is published.
    """

    def __init__(self, copies: Copies, **of_node: Any) -> None:
        super().__init__(**of_node)
        self._copies = copies
        if copies.root is not None:
            self._output_resolver = remote_artifacts.OutputsResolver(
                copies.root,
                pipeline_node=self._pipeline_node,
                pipeline_info=self._pipeline_info,
                pipeline_runtime_spec=self._pipeline_runtime_spec,
            )

    def _build_execution_info(self, **parts: Any) -> data_types.ExecutionInfo:
        if "exec_properties" in parts:
            given = remote_artifacts.with_local_source(parts["exec_properties"], self._copies)
            parts = {**parts, "exec_properties": given}
        return super()._build_execution_info(**parts)

    def _update_with_driver_output(
        self, driver_output: Any, exec_properties: dict[str, Any], output_dict: Any
    ) -> None:
        base = exec_properties.get(INPUT_BASE_KEY)
        super()._update_with_driver_output(driver_output, exec_properties, output_dict)
        if base is not None:
            exec_properties[INPUT_BASE_KEY] = base

    def _run_executor(self, execution_info: data_types.ExecutionInfo) -> execution_result_pb2.ExecutorOutput:
        if remote_artifacts.are_remote(execution_info):
            output = super()._run_executor(remote_artifacts.brought_here(execution_info, self._copies))
            remote_artifacts.send_back(execution_info, output, self._copies)
        else:
            output = super()._run_executor(execution_info)
        remote_artifacts.forget_copy(self._pipeline_node, output)
        return output

    def _register_or_reuse_execution(
        self,
        metadata_handle: metadata.Metadata,
        contexts: list[pb.Context],
        input_artifacts: Any = None,
        exec_properties: Any = None,
    ) -> pb.Execution:
        return execution_publish_utils.register_execution(
            metadata_handle=metadata_handle,
            execution_type=self._pipeline_node.node_info.type,
            contexts=contexts,
            input_artifacts=input_artifacts,
            exec_properties=exec_properties,
        )


def run_node(
    ir: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    address: Address,
    copies: Copies,
    observer: Observer,
    gate: Gate = gates.check,
) -> NodeResult:
    """Launches one node of a compiled pipeline and applies its gate, also when the result came from the cache.

    address: of the metadata store, whose password has no place in a compiled pipeline. The observer sees the result
    before the gate is applied; of artifacts in an object store that gates and summaries read, it sees the copies.

    Raises:
      BadInput: the component found the data or its configuration wrong.
      GateFailed: the component ran, and its result did not pass.
      NodeFailed: the component raised anything else.
    """
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    started = time.monotonic()
    observer.started(node_id)
    is_resolver = node.node_info.type.name == RESOLVER
    try:
        execution = _Launcher(
            copies,
            pipeline_node=node,
            mlmd_connection=Handle(address),
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=None if is_resolver else runner_utils.extract_executor_spec(deployment, node_id),
            custom_driver_spec=None
            if is_resolver
            else runner_utils.extract_custom_driver_spec(deployment, node_id),
        ).launch()
    except UserError:
        raise
    except Exception as error:
        user_error = _user_error(error)
        if user_error is not None:
            raise user_error from error
        raise NodeFailed(node_id, error) from error
    seconds = time.monotonic() - started
    if execution is None or execution.execution_id is None:
        skipped = NodeResult(node_id, "skipped", seconds, {})
        observer.finished(skipped)
        return skipped
    result = _result(address, copies, node_id, execution.execution_id, seconds)
    observer.finished(result)
    gate(node_id, result.outputs)
    return result


def _result(address: Address, copies: Copies, node_id: str, execution_id: int, seconds: float) -> NodeResult:
    with Handle(address) as handle:
        store = handle.store
        (execution,) = store.get_executions_by_id([execution_id])
        if execution.last_known_state == pb.Execution.FAILED:
            raise UserError(f"{node_id} failed: its inputs could not be resolved")
        events = [e for e in store.get_events_by_execution_ids([execution_id]) if e.type == pb.Event.OUTPUT]
        artifacts = {
            artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in events])
        }
    outputs: dict[str, list[pb.Artifact]] = {}
    for event in sorted(events, key=lambda e: e.path.steps[1].index if len(e.path.steps) > 1 else 0):
        outputs.setdefault(event.path.steps[0].key, []).append(artifacts[event.artifact_id])
    state = "cached" if execution.last_known_state == pb.Execution.CACHED else "complete"
    return NodeResult(node_id, state, seconds, gates.readable(outputs, copies))


def _user_error(error: BaseException) -> UserError | None:
    """A user's error that a library wrapped on its way up."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _one_line(error: BaseException) -> str:
    full = os.strerror(errno.ENOSPC)
    if full in str(error):
        return full
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def _place(error: BaseException) -> str:
    """The last line of the repository's or the user's own code in a traceback; compiled code names no real file."""
    place = ""
    frame = error.__traceback__
    while frame is not None:
        path = frame.tb_frame.f_code.co_filename
        if "site-packages" not in path and "/lib/python" not in path and os.path.isfile(path):
            place = f" ({'/'.join(path.split('/')[-2:])}:{frame.tb_lineno})"
        frame = frame.tb_next
    return place
