"""What exporters ask of a configuration."""

from __future__ import annotations

from typing import Any

from common.errors import BadInput
from components.columnar_example_gen import inputs
from pipeline.sections import Config
from pipeline.wording import nearest


def has_span(config: Config) -> bool:
    """Whether the data are files of spans, of which a run reads some."""
    return any(map(inputs.has_span, config.data.paths))


def value(config: Config, key: str, named_by: str) -> Any:
    """The value of a key such as `trainer.training.epochs`.

    Raises BadInput when there is none; `named_by` is the key of the file that names it.
    """
    found: Any = config.dump()
    for part in key.split("."):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, dict) and part in found:
            found = found[part]
        else:
            known = found if isinstance(found, dict) else {}
            raise BadInput(f"{named_by}: no key {key!r} in the configuration{nearest(part, known)}")
    return found
