"""Imports a curated schema; a change of the file's content makes a new schema."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.curated_schema.executor import Executor


class CuratedSchemaSpec(types.ComponentSpec):
    """The file, its fingerprint, and the Schema artifact."""

    PARAMETERS = {
        "schema_file": component_spec.ExecutionParameter(type=str),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchema(base_component.BaseComponent):
    """Copies a schema file into a Schema artifact.

    TFX's ImportSchemaGen has the path alone in its cache key, and so goes on with the old schema when the file is
    edited.

    Args:
      schema_file: path of a schema in protobuf's text format.
      fingerprint: of the file's content, part of the cache key.
    """

    SPEC_CLASS = CuratedSchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, schema_file: str, fingerprint: str) -> None:
        super().__init__(
            spec=CuratedSchemaSpec(
                schema_file=schema_file,
                fingerprint=fingerprint,
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
