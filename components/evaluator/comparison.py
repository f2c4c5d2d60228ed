"""Whether the last blessed model can answer for the data that the candidate was made for."""

from __future__ import annotations

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

SIGNATURE = "serving_default"


def obstacle(baseline: str, candidate: str) -> str | None:
    """Why the SavedModel `baseline` cannot be measured on the candidate's data, or None when it can.

    The candidate's inputs are the columns of the data: what the baseline needs beside them is not there.
    """
    needed, given = _inputs(baseline), _inputs(candidate)
    missing = sorted(set(needed) - set(given))
    if missing:
        return f"it needs the columns {', '.join(missing)}, which the data does not have"
    changed = sorted(name for name in needed if needed[name] != given[name])
    if changed:
        return f"the columns {', '.join(changed)} have another type now"
    return None


def _inputs(folder: str) -> dict[str, int]:
    """Input name -> dtype of the raw signature; read from the file, since loading a model takes seconds."""
    model = saved_model_pb2.SavedModel.FromString(Path(folder, "saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def[SIGNATURE]
    return {name: tensor.dtype for name, tensor in signature.inputs.items()}
