"""Examples that break the schema: a few for each anomaly, so that people see what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

MOST_ROWS = 5
MOST_EXAMINED = 1_000_000
MOST_FEATURES = 40
LONGEST_TEXT = 200

_Reason = anomalies_pb2.AnomalyInfo
_COUNTS = {
    _Reason.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    _Reason.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    _Reason.FEATURE_TYPE_NOT_PRESENT,
    _Reason.FEATURE_TYPE_NO_VALUES,
    _Reason.FEATURE_TYPE_LOW_NUMBER_VALUES,
    _Reason.FEATURE_TYPE_HIGH_NUMBER_VALUES,
    _Reason.FEATURE_TYPE_UNEXPECTED_REPEATED,
    _Reason.SCHEMA_MISSING_COLUMN,
    _Reason.INVALID_FEATURE_SHAPE,
}
_DISTRIBUTIONS = {
    _Reason.COMPARATOR_L_INFTY_HIGH,
    _Reason.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
    _Reason.COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH,
    _Reason.COMPARATOR_CONTROL_DATA_MISSING,
    _Reason.COMPARATOR_TREATMENT_DATA_MISSING,
}


def offending(
    batches: Iterable[pa.RecordBatch], schema: schema_pb2.Schema, anomalies: anomalies_pb2.Anomalies
) -> dict[str, Any]:
    """Feature -> {"examined": how many examples were looked at, "rows": [{"position": in the split, "values": {...}}]}.

    At most MOST_ROWS rows a feature, among the first MOST_EXAMINED examples. Features without such rows are left out:
    a distribution that changed, a length that no example has, a column that is gone from all examples.
    """
    wanted = {
        info.path.step[0]: {reason.type for reason in info.reason} - _DISTRIBUTIONS
        for info in anomalies.anomaly_info.values()
        if info.path.step
    }
    wanted = {name: reasons for name, reasons in wanted.items() if reasons}
    known = {feature.name: feature for feature in schema.feature}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    examined = 0
    for batch in batches if wanted else ():
        for name, reasons in wanted.items():
            missing = MOST_ROWS - len(found[name])
            if missing and name in batch.schema.names:
                broken = _broken(batch.column(name), known.get(name), schema, reasons)
                for row in np.flatnonzero(broken)[:missing].tolist():
                    found[name].append(
                        {"position": examined + row, "values": _values(batch.slice(row, 1), name)}
                    )
        examined += batch.num_rows
        if examined >= MOST_EXAMINED or all(len(rows) == MOST_ROWS for rows in found.values()):
            break
    return {name: {"examined": examined, "rows": rows} for name, rows in found.items() if rows}


def _broken(
    column: pa.Array, feature: schema_pb2.Feature | None, schema: schema_pb2.Schema, reasons: set[int]
) -> np.ndarray:
    """Which examples break the rules, bool [examples]."""
    if pa.types.is_null(column.type):
        return np.full(len(column), bool(reasons & _COUNTS))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    if feature is None:
        return lengths > 0
    broken = np.zeros(len(column), bool)
    if reasons & _COUNTS:
        broken |= lengths < max(1, feature.value_count.min)
        if feature.value_count.max:
            broken |= lengths > feature.value_count.max
    if reasons - _COUNTS:
        bad = _bad_values(column.flatten(), feature, schema)
        broken[np.unique(pc.list_parent_indices(column).to_numpy()[bad])] = True
    return broken


def _bad_values(values: pa.Array, feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> np.ndarray:
    """Which values break the domain or the type of a feature, bool [values]."""
    is_text = pa.types.is_large_binary(values.type) or pa.types.is_binary(values.type)
    is_float = pa.types.is_floating(values.type)
    kinds = {
        schema_pb2.BYTES: is_text,
        schema_pb2.FLOAT: is_float,
        schema_pb2.INT: not is_text and not is_float,
    }
    if not kinds.get(feature.type, True):
        return np.ones(len(values), bool)
    if is_text:
        allowed = _texts(feature, schema)
        if allowed is None:
            return np.zeros(len(values), bool)
        known = pa.array([text.encode() for text in allowed], values.type)
        return ~pc.is_in(values, known).to_numpy(zero_copy_only=False)
    numbers = values.to_numpy()
    bad = np.zeros(len(numbers), bool)
    for form in ("int_domain", "float_domain"):
        if feature.HasField(form):
            domain = getattr(feature, form)
            if domain.HasField("min"):
                bad |= numbers < domain.min
            if domain.HasField("max"):
                bad |= numbers > domain.max
            if form == "float_domain" and domain.disallow_nan:
                bad |= np.isnan(numbers)
            if form == "float_domain" and domain.disallow_inf:
                bad |= np.isinf(numbers)
    if feature.HasField("bool_domain"):
        bad |= (numbers != 0) & (numbers != 1)
    return bad


def _texts(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str] | None:
    """The texts that a feature may have, None where it may have any."""
    if feature.HasField("bool_domain"):
        return [feature.bool_domain.true_value, feature.bool_domain.false_value]
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    for domain in schema.string_domain:
        if feature.domain and domain.name == feature.domain:
            return list(domain.value)
    return None


def _values(row: pa.RecordBatch, first: str) -> Mapping[str, Any]:
    """The features of one example as JSON-able values, at most MOST_FEATURES, the broken one first."""
    names = [first, *(name for name in row.schema.names if name != first)][:MOST_FEATURES]
    found = {}
    for name in names:
        values = [_shown(value) for value in row.column(name)[0].as_py() or []]
        found[name] = values[0] if len(values) == 1 else values[:MOST_FEATURES] or None
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        # As short as float32, which the examples hold, allows; JSON has no other numbers than finite ones.
        return float(str(np.float32(value))) if np.isfinite(value) else str(value)
    if not isinstance(value, bytes):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"{len(value)} bytes"
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
