"""The section `attributions` of a catalog file; imports neither TensorFlow nor tfx."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.section import Section


class Attributions(Section):
    """How it is measured which features the answers come from."""

    examples: Annotated[int, Field(ge=10, le=100_000)] = Field(
        1000, description="Examples of the eval split whose features are permuted."
    )
    repeats: Annotated[int, Field(ge=2, le=100)] = Field(5, description="Permutations of each feature.")
    seed: int = 0
    metric: str | None = Field(
        None, description="What a permuted feature costs; default: the first gate's metric."
    )
    gradient_examples: Annotated[int, Field(ge=0, le=100_000)] = Field(
        256, description="Examples whose gradients are integrated; 0 for none."
    )
    steps: Annotated[int, Field(ge=4, le=1000)] = Field(
        50, description="Points between the baseline and an example at which the gradient is taken."
    )
    drift: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Largest change of a feature's share against the last blessed model."
    )
