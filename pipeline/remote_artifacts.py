"""TFX over artifacts in an object store: it names and checks them there, and an executor sees their copies here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attr
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx import types
from tfx.dsl.io import filesystem
from tfx.dsl.io.filesystem_registry import DEFAULT_FILESYSTEM_REGISTRY
from tfx.orchestration.portable import data_types, outputs_utils
from tfx.proto.orchestration import execution_result_pb2, pipeline_pb2
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import INPUT_BASE_KEY

from common import object_stores, remote_files
from pipeline.copies import Copies, origin, place

Artifacts = Mapping[str, list[types.Artifact]]


class OutputsResolver(outputs_utils.OutputsResolver):
    """Names outputs below the pipeline's root in the store; what TFX itself writes stays in the home."""

    def __init__(self, root: str, **of_node: Any) -> None:
        super().__init__(**of_node)
        self._root = root

    def generate_output_artifacts(self, execution_id: int) -> dict[str, list[types.Artifact]]:
        return outputs_utils.generate_output_artifacts(
            execution_id=execution_id,
            outputs=self._pipeline_node.outputs.outputs,
            node_dir=remote_files.join(self._root, self._pipeline_node.node_info.id),
        )


class FileSystem(filesystem.Filesystem):
    """What TFX asks of a store: whether the artifacts of a cached result are there."""

    SUPPORTED_SCHEMES = [f"{scheme}://" for scheme in object_stores.SCHEMES]

    @staticmethod
    def exists(path: filesystem.PathType) -> bool:
        return remote_files.exists(path.decode() if isinstance(path, bytes) else path)


# Before those of TensorFlow and Beam, which ask for packages of their own.
DEFAULT_FILESYSTEM_REGISTRY.register(FileSystem, priority=-1)


def name_source(node: pipeline_pb2.PipelineNode, copies: Copies) -> None:
    """Has a node that reads copies of data be told their URI, so that its records and its cache know no home."""
    parameters = node.parameters.parameters
    if INPUT_BASE_KEY in parameters:
        value = parameters[INPUT_BASE_KEY].field_value
        value.string_value = origin(copies.home, value.string_value) or value.string_value


def with_local_source(properties: Mapping[str, Any], copies: Copies) -> dict[str, Any]:
    """The parameters of such a node as its driver and its executor take them."""
    base = properties.get(INPUT_BASE_KEY)
    if not isinstance(base, str) or not remote_files.is_remote(base):
        return dict(properties)
    return {**properties, INPUT_BASE_KEY: str(place(copies.home, base))}


def forget_copy(node: pipeline_pb2.PipelineNode, output: execution_result_pb2.ExecutorOutput) -> None:
    """Has an executor's answer not name the copy of its data: their URI is recorded already."""
    parameters = node.parameters.parameters
    if INPUT_BASE_KEY not in parameters:
        return
    if remote_files.is_remote(parameters[INPUT_BASE_KEY].field_value.string_value):
        output.execution_properties.pop(INPUT_BASE_KEY, None)


def are_remote(execution: data_types.ExecutionInfo) -> bool:
    """Whether an execution reads or makes artifacts in a store."""
    return any(
        remote_files.is_remote(artifact.uri)
        for artifact in (*_all(execution.input_dict), *_all(execution.output_dict))
    )


def brought_here(execution: data_types.ExecutionInfo, copies: Copies) -> data_types.ExecutionInfo:
    """The execution over local folders: of inputs, with their files in them; of outputs, yet to be made."""
    for artifact in _all(execution.input_dict):
        copies.fetch(artifact.uri)
    return attr.evolve(
        execution,
        input_dict=_local(execution.input_dict, copies),
        output_dict=_local(execution.output_dict, copies),
    )


def send_back(
    execution: data_types.ExecutionInfo,
    output: execution_result_pb2.ExecutorOutput,
    copies: Copies,
) -> None:
    """Uploads what an executor made, and has its answer name things by their URIs.

    Raises UserError when something cannot be uploaded.
    """
    uris = {}
    for artifact in (*_all(execution.input_dict), *_all(execution.output_dict)):
        uris[str(copies.folder(artifact.uri))] = artifact.uri
    for artifact in _all(execution.output_dict):
        if remote_files.is_remote(artifact.uri):
            remote_files.upload(copies.folder(artifact.uri), artifact.uri)
    for made in output.output_artifacts.values():
        for artifact in made.artifacts:
            artifact.uri = _renamed(artifact.uri, uris)
            for value in artifact.custom_properties.values():
                if value.WhichOneof("value") == "string_value":
                    value.string_value = _renamed(value.string_value, uris)


def _renamed(text: str, uris: Mapping[str, str]) -> str:
    for folder, uri in uris.items():
        if text == folder or text.startswith(f"{folder}/"):
            return uri + text.removeprefix(folder)
    return text


def _all(artifacts: Artifacts) -> Iterable[types.Artifact]:
    return (artifact for found in artifacts.values() for artifact in found)


def _local(artifacts: Artifacts, copies: Copies) -> dict[str, list[types.Artifact]]:
    return {key: [_copied(artifact, copies) for artifact in found] for key, found in artifacts.items()}


def _copied(artifact: types.Artifact, copies: Copies) -> types.Artifact:
    local = pb.Artifact()
    local.CopyFrom(artifact.mlmd_artifact)
    local.uri = str(copies.folder(artifact.uri))
    return artifact_utils.deserialize_artifact(artifact.artifact_type, local)
