"""The section `loop` of a catalog file."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from components.section import Section


class MetricFalls(Section):
    """A metric that got worse than at the model's own evaluation by more than `by`, in its unit."""

    metric: str
    by: Annotated[float, Field(ge=0)]
    output: str | None = Field(
        None, description="The label column meant, where the model has several outputs."
    )


class Rule(Section):
    """When the model is trained anew: one of the two."""

    when_metric_falls: MetricFalls | None = None
    every: Annotated[int, Field(ge=1)] | None = Field(None, description="So many good spans.")

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> Rule:
        if (self.when_metric_falls is None) == (self.every is None):
            raise ValueError("write {when_metric_falls: {metric: NAME, by: NUMBER}} or {every: N}")
        return self


class Loop(Section):
    """How `mlpipe loop` treats a new span."""

    retrain: Literal["always", "never", "when_drift"] | Rule = Field(
        "always",
        description="always, never, when_drift, {when_metric_falls: {metric: NAME, by: NUMBER}} or {every: N}.",
    )
    on_bad_data: Literal["skip", "stop"] = Field(
        "skip", description="Whether the loop goes on after a span that cannot be read or breaks the schema."
    )
    poll_seconds: Annotated[float, Field(gt=0)] = 60.0
    settle_seconds: Annotated[float, Field(ge=0)] = Field(
        10.0, description="A file that was changed less long ago may still be written."
    )
    tries: Annotated[int, Field(ge=1)] = Field(
        3, description="How often a span is tried whose evaluation or training fails for other reasons."
    )

    @property
    def falls(self) -> MetricFalls | None:
        """The metric that decides, if one does."""
        return self.retrain.when_metric_falls if isinstance(self.retrain, Rule) else None
