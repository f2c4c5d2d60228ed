"""Checks a curated schema file and copies it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from common.errors import BadInput


class Executor(base_executor.BaseExecutor):
    """Writes the `schema` artifact; raises BadInput for a file that is no schema."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        path = Path(exec_properties["schema_file"])
        text = read(path)
        folder = Path(artifact_utils.get_single_uri(output_dict["schema"]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DEFAULT_FILE_NAME).write_text(text, encoding="utf-8")


def read(path: Path) -> str:
    """The text of a schema file.

    Raises:
      BadInput: it is no schema in protobuf's text format, or has no feature; the line is told.
    """
    try:
        text = path.read_text(encoding="utf-8")
        schema = text_format.Parse(text, schema_pb2.Schema())
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except text_format.ParseError as error:
        place = f"{path}:{error.GetLine()}" if error.GetLine() else str(path)
        reason = str(error).split(" : ", 1)[-1]
        raise BadInput(f"{place}: not a schema in protobuf's text format: {reason}") from None
    if not schema.feature:
        raise BadInput(f"{path}: the schema has no feature; copy the one that SchemaGen made and edit it")
    return text
