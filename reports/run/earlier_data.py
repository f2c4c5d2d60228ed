"""The data that a run is compared with: what ExampleValidator measured drift against, else what came before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from common.errors import UserError
from pipeline import facts as artifact_facts
from pipeline import lineage, metadata
from pipeline.copies import Copies
from reports.run_facts import RunFacts

TRAINING = "training"


@dataclass(frozen=True)
class EarlierData:
    """Statistics of other data: a short name, what it is in a sentence, and its folder."""

    name: str
    sentence: str
    folder: Path


def find(facts: RunFacts) -> EarlierData | None:
    """The last span, else the data of the last blessed model, else the data of an earlier run; None without any.

    Of an evaluation on unseen data it is the data that the model was trained on. Data that this run itself has, and
    statistics whose files are gone, do not count.
    """
    own = facts.outputs("StatisticsGen", "statistics")
    if not own:
        return None
    measured_against = facts.inputs("ExampleValidator", "baseline_statistics")
    candidates: tuple[tuple[str, str, list[mlmd.Artifact]], ...]
    if facts.is_evaluation:
        candidates = ((TRAINING, "the data that the model was trained on", measured_against),)
    else:
        candidates = (
            ("last span", "the last data that passed the data gate", measured_against),
            ("last blessed", "the data of the model that was blessed last", _of_baseline_model(facts)),
            ("earlier data", "the data of an earlier run", _before(facts, own[0].id)),
        )
    for name, sentence, statistics in candidates:
        for artifact in reversed(statistics):
            if artifact.id != own[0].id and artifact_facts.gone(artifact) is None:
                folder = Copies(facts.home).fetch(artifact.uri)
                return EarlierData(name, f"{sentence} (artifact {artifact.id})", folder)
    return None


def _of_baseline_model(facts: RunFacts) -> list[mlmd.Artifact]:
    try:
        models = facts.inputs("Evaluator", "baseline_model")
        return [
            artifact
            for model in models
            for artifact in lineage.upstream(facts.store, model.id).of_type("ExampleStatistics")
        ]
    except UserError:
        return []


def _before(facts: RunFacts, own: int) -> list[mlmd.Artifact]:
    node = metadata.node_contexts(facts.store, facts.pipeline).get("StatisticsGen")
    known = metadata.artifacts_of(facts.store, node) if node else []
    return [artifact for artifact in known if artifact.type == "ExampleStatistics" and artifact.id < own]
