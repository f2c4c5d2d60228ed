"""The signatures of a SavedModel, read from its file: loading a model takes seconds."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from common.errors import UserError

SERVE = "serve"
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
INTERNAL = "__saved_model_init_op"


def signatures(model: Path) -> dict[str, SignatureDef]:
    """Signature name -> definition, sorted by name, of the meta graph that is served.

    Raises:
      UserError: the folder holds no SavedModel, or one without the tag `serve`.
    """
    file = model / "saved_model.pb"
    try:
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{file}: no such file: the trainer module exported no SavedModel") from None
    except DecodeError:
        raise UserError(f"{file} is no SavedModel") from None
    for graph in saved.meta_graphs:
        if SERVE in graph.meta_info_def.tags:
            return {
                name: graph.signature_def[name] for name in sorted(graph.signature_def) if name != INTERNAL
            }
    raise UserError(f"{file} has no meta graph with the tag {SERVE!r}")
