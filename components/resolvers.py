"""Strategies that find artifacts of earlier runs: the model to beat, the last good statistics, known ones."""

from __future__ import annotations

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.types import artifact_utils

from components.attributions.constants import MODEL_ID as EXPLAINED_MODEL_ID
from components.example_validator.constants import ANOMALY_COUNT
from components.pusher.constants import MODEL_ID

ArtifactLists = dict[str, list[types.Artifact]]


class ById(resolver.ResolverStrategy):
    """Artifacts that are known by their ids, of whichever pipeline.

    ids: channel -> id; a channel without one stays empty.
    """

    def __init__(self, ids: dict[str, int]) -> None:
        self._ids = ids

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: ArtifactLists) -> ArtifactLists:
        found = {artifact.id: artifact for artifact in store.get_artifacts_by_id(list(self._ids.values()))}
        return {
            key: [_deserialized(store, found[self._ids[key]])] if key in self._ids else []
            for key in input_dict
        }


def _deserialized(store: mlmd.MetadataStore, artifact: pb.Artifact) -> types.Artifact:
    (kind,) = store.get_artifact_types_by_id([artifact.type_id])
    return artifact_utils.deserialize_artifact(kind, artifact)


class LatestBlessedModel(resolver.ResolverStrategy):
    """The blessed model that was pushed last, other than the candidate.

    TFX's own LatestBlessedModelStrategy takes the model with the highest id. That compares a candidate that was
    blessed in an interrupted run with itself, and forgets that a cached older model may have been pushed again.
    Channels: `model`, `pushed_model` and, where there is one, `candidate`.
    """

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: ArtifactLists) -> ArtifactLists:
        candidates = {model.id for model in input_dict.get("candidate", [])}
        models = {model.id: model for model in input_dict["model"] if model.id not in candidates}
        result: ArtifactLists = {key: [] for key in input_dict}
        for pushed in sorted(input_dict["pushed_model"], key=lambda a: a.id, reverse=True):
            model = models.get(pushed.get_int_custom_property(MODEL_ID))
            if model is not None:
                return {**result, "model": [model], "pushed_model": [pushed]}
        return result


class LastGoodStatistics(resolver.ResolverStrategy):
    """The latest earlier statistics that passed the data gate, to measure drift against.

    Channels: `current` (this run's statistics) and `statistics` (all of them). Where spans are used, only statistics
    of an earlier span count; else those of any other data.
    """

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: ArtifactLists) -> ArtifactLists:
        (current,) = input_dict["current"]
        earlier = [
            statistics
            for statistics in input_dict["statistics"]
            if (statistics.span < current.span if current.span else statistics.id < current.id)
        ]
        good = _passed_the_gate(store, [statistics.id for statistics in earlier])
        usable = [statistics for statistics in earlier if statistics.id in good]
        return {"current": [], "statistics": sorted(usable, key=lambda a: (a.span, a.id))[-1:]}


class ModelAttributions(resolver.ResolverStrategy):
    """The latest attributions of a model.

    Channels: `model`, maybe none, and `attributions` (all of them).
    """

    def resolve_artifacts(self, store: mlmd.MetadataStore, input_dict: ArtifactLists) -> ArtifactLists:
        models = {model.id for model in input_dict["model"]}
        found = [
            one
            for one in input_dict["attributions"]
            if one.get_int_custom_property(EXPLAINED_MODEL_ID) in models
        ]
        return {"model": [], "attributions": sorted(found, key=lambda a: a.id)[-1:]}


def _passed_the_gate(store: mlmd.MetadataStore, statistics_ids: list[int]) -> set[int]:
    """Of these statistics, the ids that some validation found without an anomaly."""
    if not statistics_ids:
        return set()
    used = [
        event
        for event in store.get_events_by_artifact_ids(statistics_ids)
        if event.type == pb.Event.INPUT and event.path.steps[0].key == "statistics"
    ]
    produced = store.get_events_by_execution_ids({event.execution_id for event in used}) if used else []
    outputs = {event.artifact_id: event.execution_id for event in produced if event.type == pb.Event.OUTPUT}
    good = {
        outputs[artifact.id]
        for artifact in store.get_artifacts_by_id(list(outputs))
        if ANOMALY_COUNT in artifact.custom_properties
        and artifact.custom_properties[ANOMALY_COUNT].int_value == 0
    }
    return {event.artifact_id for event in used if event.execution_id in good}
