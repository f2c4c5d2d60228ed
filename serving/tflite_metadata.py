"""The signature that TF Serving's own tools write into a TFLite file's metadata, before the format had signatures."""

from __future__ import annotations

from pathlib import Path

from flatbuffers import flexbuffers  # type: ignore[import-untyped]
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow.lite.python import schema_py_generated as schema

from serving.errors import invalid_argument

METADATA = b"signature_defs_metadata"


def read_signature_def(file: Path) -> SignatureDef | None:
    """The one signature in the metadata, None without. Raises ServingError INVALID_ARGUMENT if there are several."""
    model = schema.Model.GetRootAsModel(file.read_bytes(), 0)
    for index in range(model.MetadataLength()):
        if model.Metadata(index).Name() == METADATA:
            buffer = model.Buffers(model.Metadata(index).Buffer())
            signatures = flexbuffers.Loads(bytes(buffer.DataAsNumpy()))
            break
    else:
        return None
    if len(signatures) > 1:
        raise invalid_argument("Multiple SignatureDefs found in TfLite model")
    return next((SignatureDef.FromString(bytes(serialized)) for serialized in signatures.values()), None)
