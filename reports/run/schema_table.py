"""A schema as rows for people: what each feature has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from reports.words import number, percent

FILE = "schema.pbtxt"
VALUES_SHOWN = 12
_TYPES = {
    schema_pb2.BYTES: "text",
    schema_pb2.INT: "int",
    schema_pb2.FLOAT: "float",
    schema_pb2.STRUCT: "struct",
}
_DOMAINS = {
    "image_domain": "an image",
    "natural_language_domain": "natural language",
    "mid_domain": "a knowledge graph id",
    "url_domain": "a URL",
    "time_domain": "a time",
    "time_of_day_domain": "a time of day",
}


@dataclass(frozen=True)
class Row:
    """A feature of a schema; `allowed` has the first values of a list of texts, `more` counts the others.

    presence: in which examples it is; values: how many it has there; domain: what they may be, in words.
    """

    name: str
    kind: str
    presence: str
    values: str
    domain: str
    allowed: Sequence[str] = ()
    more: int = 0
    comparators: Sequence[str] = ()
    derived: bool = False


def read(folder: Path) -> schema_pb2.Schema | None:
    """The schema in a folder; None where there is none that can be read."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        return text_format.Parse(text, schema_pb2.Schema(), allow_unknown_field=True)
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        return None


def rows(schema: schema_pb2.Schema) -> list[Row]:
    """The features in the order of the schema; the deprecated ones are left out."""
    hidden = (schema_pb2.DEPRECATED, schema_pb2.DISABLED)
    return [_row(one, schema) for one in schema.feature if one.lifecycle_stage not in hidden]


def shape(feature: schema_pb2.Feature) -> str:
    """The shape of one example: `one value`, `[3, 4]`, or how many values."""
    if feature.HasField("shape"):
        sizes = [str(dim.size) for dim in feature.shape.dim]
        return f"[{', '.join(sizes)}]" if sizes else "one value"
    return _values(feature)


def _row(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Row:
    texts = _texts(feature, schema)
    return Row(
        name=feature.name,
        kind=_TYPES.get(feature.type, ""),
        presence=_presence(feature),
        values=shape(feature),
        domain=_domain(feature) if texts is None else f"{len(texts):,} values",
        allowed=(texts or [])[:VALUES_SHOWN],
        more=max(0, len(texts or []) - VALUES_SHOWN),
        comparators=[
            f"{kind} at most {number(bound)}" for kind in ("drift", "skew") for bound in _bounds(feature, kind)
        ],
        derived=feature.HasField("validation_derived_source"),
    )  # fmt: skip


def _presence(feature: schema_pb2.Feature) -> str:
    fraction = feature.presence.min_fraction
    if fraction >= 1:
        return "in every example"
    if fraction > 0:
        return f"in at least {percent(fraction)}"
    return (
        f"in at least {feature.presence.min_count:,}" if feature.presence.min_count > 1 else "may be absent"
    )


def _values(feature: schema_pb2.Feature) -> str:
    low, high = feature.value_count.min, feature.value_count.max
    if not feature.HasField("value_count"):
        return "may be missing"
    if low == high:
        return "one value" if low == 1 else f"{low:,} values"
    return f"{low:,} to {high:,} values" if high else f"{low:,} or more values"


def _texts(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str] | None:
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    for domain in schema.string_domain:
        if feature.domain and domain.name == feature.domain:
            return list(domain.value)
    return None


def _domain(feature: schema_pb2.Feature) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        low = number(domain.min) if domain.HasField("min") else ""
        high = number(domain.max) if domain.HasField("max") else ""
        category = ", categories" if getattr(domain, "is_categorical", False) else ""
        if low and high:
            return f"{low} to {high}{category}"
        return (f"at least {low}" if low else f"at most {high}" if high else "") + category
    if kind == "bool_domain":
        return "true or false"
    return _DOMAINS.get(kind or "", "")


def _bounds(feature: schema_pb2.Feature, kind: str) -> list[float]:
    comparator = getattr(feature, f"{kind}_comparator")
    names = ("jensen_shannon_divergence", "infinity_norm", "normalized_abs_difference")
    return [getattr(comparator, name).threshold for name in names if comparator.HasField(name)]
