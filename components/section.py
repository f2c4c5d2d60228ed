"""What every section of a catalog file has in common; imports neither TensorFlow nor tfx."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a catalog file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
