"""The names under which evaluations on unseen data are recorded, apart from the runs that train.

They are a pipeline of their own to TFX, with its own cache, lock and folder: what looks among a pipeline's artifacts for a
model to beat or for the last good data never meets theirs.
"""

from __future__ import annotations

from collections.abc import Iterable

# No pipeline's own name has a hyphen.
_EVALUATIONS = "-evaluations"


def evaluations_of(pipeline: str) -> str:
    """The name of the evaluations of a pipeline's models."""
    return f"{pipeline}{_EVALUATIONS}"


def is_evaluations(name: str) -> bool:
    """Whether a name is one of evaluations."""
    return name.endswith(_EVALUATIONS)


def owner(name: str) -> str:
    """The pipeline whose evaluations have this name, or the pipeline of this name itself."""
    return name.removesuffix(_EVALUATIONS)


def with_evaluations(pipelines: Iterable[str]) -> list[str]:
    """Pipelines, each followed by the name of its evaluations."""
    return [name for pipeline in pipelines for name in (pipeline, evaluations_of(pipeline))]
