"""The section `optimizer` of a catalog file; imports neither TensorFlow nor tfx."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from components.model_optimizer.constants import FORMS, Form
from components.section import Section


class Optimizer(Section):
    """The forms that are made of a blessed model, and what each may lose."""

    forms: Annotated[tuple[Form, ...], Field(min_length=1)] = FORMS
    max_loss: Annotated[float, Field(ge=0)] = Field(
        0.01, description="How much worse than the original a form may be, in the metric's unit."
    )
    representative: Annotated[int, Field(ge=1, le=10_000)] = Field(
        200, description="Examples of the train split that int8 takes the ranges of its activations from."
    )
    signature: Annotated[str, Field(min_length=1)] = "serving_default"
    gate: Literal["warn", "fail"] = Field(
        "warn", description="Whether a form that cannot be made or loses too much ends the run."
    )

    @pydantic.field_validator("forms")
    @classmethod
    def _once_each(cls, forms: tuple[Form, ...]) -> tuple[Form, ...]:
        if len(set(forms)) != len(forms):
            raise ValueError("names a form twice")
        return forms
