"""Runs a pipeline in this process, one node after the other."""

from __future__ import annotations

from collections.abc import Collection

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.portable import partial_run_utils, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from common.errors import BadInput
from components.serving_check import standby
from components.serving_check.component import ServingCheck
from pipeline import gates, metadata_address, remote_artifacts
from pipeline.copies import Copies
from pipeline.metadata_address import Address
from pipeline.node import Gate, Handle, Observer, run_node


def run(
    pipeline: tfx_pipeline.Pipeline,
    run_id: str,
    copies: Copies,
    observer: Observer,
    forced: Collection[str] = (),
    only: str | None = None,
    until: str | None = None,
    alone: str | None = None,
    gate: Gate = gates.check,
) -> None:
    """Runs the nodes in the order of the DAG; the first that fails ends the run.

    Args:
      pipeline: the DAG.
      run_id: name of the run in ML Metadata.
      copies: where artifacts lie; the metadata store of its home is used.
      observer: told before and after each node.
      forced: nodes that run although a cached result would do.
      only: the one node to run, on what the last run made of the nodes before it.
      until: the last node to run.
      alone: the one node to run, on what this run made of the nodes before it.
      gate: what is asked of the outputs of each node.

    Raises:
      UserError: see `pipeline.node.run_node`.
    """
    ir = compile_run(pipeline, run_id)
    for node in nodes(ir):
        remote_artifacts.name_source(node, copies)
        if node.node_info.id in forced or node.node_info.id == only:
            node.execution_options.caching_options.enable_cache = False
    address = metadata_address.find(copies.home)
    if only is not None:
        _reuse_all_but(ir, only, address)
    to_run = [
        node
        for node in nodes(ir)
        if not node.execution_options.HasField("skip") and alone in (None, node.node_info.id)
    ]
    with standby.ended_afterwards():
        for node in to_run:
            result = run_node(ir, node, address, copies, observer, gate)
            if node.node_info.id == until:
                return
            if node.node_info.id == "Trainer" and result.state == "complete" and any(map(_serves, to_run)):
                # It starts on another core while the model is evaluated.
                standby.prepare()


def _serves(node: pipeline_pb2.PipelineNode) -> bool:
    return node.node_info.type.name == f"{ServingCheck.__module__}.{ServingCheck.__name__}"


def compile_run(pipeline: tfx_pipeline.Pipeline, run_id: str) -> pipeline_pb2.Pipeline:
    """The pipeline's intermediate representation with the run's id filled in."""
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    return ir


def nodes(ir: pipeline_pb2.Pipeline) -> list[pipeline_pb2.PipelineNode]:
    """The nodes in topological order."""
    return [node.pipeline_node for node in ir.nodes]


def from_node(pipeline: tfx_pipeline.Pipeline, start: str) -> set[str]:
    """A node and all that follow it."""
    followers = {node.id: {after.id for after in node.downstream_nodes} for node in pipeline.components}
    found: set[str] = set()
    queue = [start]
    while queue:
        node_id = queue.pop()
        if node_id not in found:
            found.add(node_id)
            queue += followers[node_id]
    return found


def _reuse_all_but(ir: pipeline_pb2.Pipeline, only: str, address: Address) -> None:
    """Marks all other nodes as reused from the last run, by TFX's own partial run."""
    partial_run_utils.mark_pipeline(ir, from_nodes=[only], to_nodes=[only])
    with Handle(address) as handle:
        try:
            partial_run_utils.snapshot(handle, ir)
        except LookupError as error:
            raise BadInput(
                f"--only {only}: the last run did not get as far as {only}; run without --only"
            ) from error
