"""The model to beat and the statistics to measure drift against, found in a real metadata store."""

from __future__ import annotations

from collections.abc import Sequence

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx import types
from tfx.types import standard_artifacts

from components.attributions.artifact import FeatureAttributions
from components.resolvers import LastGoodStatistics, LatestBlessedModel, ModelAttributions


@pytest.fixture
def store(tmp_path: object) -> mlmd.MetadataStore:
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = f"{tmp_path}/metadata.sqlite"
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return mlmd.MetadataStore(config)


class Writer:
    """Writes executions of one type into a store."""

    def __init__(self, store: mlmd.MetadataStore) -> None:
        self.store = store
        self.execution_type = store.put_execution_type(pb.ExecutionType(name="Validator"))
        self.artifact_types = {
            name: store.put_artifact_type(pb.ArtifactType(name=name))
            for name in ("ExampleStatistics", "ExampleAnomalies", "Schema")
        }

    def artifact(self, kind: str, anomalies: int | None = None) -> int:
        artifact = pb.Artifact(type_id=self.artifact_types[kind])
        if anomalies is not None:
            artifact.custom_properties["anomaly_count"].int_value = anomalies
        return self.store.put_artifacts([artifact])[0]

    def validation(self, statistics: int, anomalies: int | None, baseline: int | None = None) -> None:
        (execution,) = self.store.put_executions([pb.Execution(type_id=self.execution_type)])
        inputs = {"statistics": statistics, **({"baseline_statistics": baseline} if baseline else {})}
        events = [self._event(execution, id_, key, pb.Event.INPUT) for key, id_ in inputs.items()]
        if anomalies is not None:
            found = self.artifact("ExampleAnomalies", anomalies)
            events.append(self._event(execution, found, "anomalies", pb.Event.OUTPUT))
        self.store.put_events(events)

    @staticmethod
    def _event(execution: int, artifact: int, key: str, kind: pb.Event.Type) -> pb.Event:
        event = pb.Event(execution_id=execution, artifact_id=artifact, type=kind)
        event.path.steps.add(key=key)
        event.path.steps.add(index=0)
        return event


def statistics(id_: int, span: int = 0) -> types.Artifact:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.id, artifact.span = id_, span
    return artifact


def baseline(store: mlmd.MetadataStore, current: types.Artifact, *others: types.Artifact) -> Sequence[int]:
    found = LastGoodStatistics().resolve_artifacts(
        store, {"current": [current], "statistics": [*others, current]}
    )
    assert found["current"] == []
    return [artifact.id for artifact in found["statistics"]]


def test_no_earlier_statistics(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    only = writer.artifact("ExampleStatistics")
    assert baseline(store, statistics(only)) == []


def test_the_latest_that_passed_is_the_baseline(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    first, second, third, current = (writer.artifact("ExampleStatistics") for _ in range(4))
    writer.validation(first, anomalies=0)
    writer.validation(second, anomalies=0)
    writer.validation(third, anomalies=2)
    assert baseline(store, *map(statistics, (current, third, first, second))) == [second]


def test_statistics_without_a_finished_validation_do_not_count(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    first, second, current = (writer.artifact("ExampleStatistics") for _ in range(3))
    writer.validation(first, anomalies=0)
    writer.validation(second, anomalies=None)
    assert baseline(store, *map(statistics, (current, first, second))) == [first]


def test_having_been_a_baseline_is_no_pass(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    first, second, current = (writer.artifact("ExampleStatistics") for _ in range(3))
    writer.validation(first, anomalies=1)
    writer.validation(second, anomalies=0, baseline=first)
    assert baseline(store, statistics(current), statistics(first)) == []
    assert baseline(store, *map(statistics, (current, first, second))) == [second]


def test_one_of_several_validations_is_enough(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    first, current = (writer.artifact("ExampleStatistics") for _ in range(2))
    writer.validation(first, anomalies=3)
    writer.validation(first, anomalies=0)
    assert baseline(store, statistics(current), statistics(first)) == [first]


def test_with_spans_only_earlier_spans_count(store: mlmd.MetadataStore) -> None:
    writer = Writer(store)
    ids = [writer.artifact("ExampleStatistics") for _ in range(4)]
    for id_ in ids:
        writer.validation(id_, anomalies=0)
    span_2, span_1, span_3, span_2_again = ids
    others = [statistics(span_1, 1), statistics(span_2, 2), statistics(span_3, 3)]
    assert baseline(store, statistics(span_2_again, 2), *others) == [span_1]
    assert baseline(store, statistics(span_3, 3), statistics(span_1, 1), statistics(span_2, 2)) == [span_2]
    assert baseline(store, statistics(span_1, 1), statistics(span_2, 2)) == []


def model(id_: int) -> types.Artifact:
    artifact = standard_artifacts.Model()
    artifact.id = id_
    return artifact


def push(id_: int, model_id: int) -> types.Artifact:
    artifact = standard_artifacts.PushedModel()
    artifact.id = id_
    if model_id:
        artifact.set_int_custom_property("model_id", model_id)
    return artifact


def blessed(
    store: mlmd.MetadataStore, models: list[int], pushes: list[tuple[int, int]], candidate: int | None = None
) -> tuple[list[int], list[int]]:
    inputs = {"model": [model(i) for i in models], "pushed_model": [push(i, m) for i, m in pushes]}
    if candidate is not None:
        inputs["candidate"] = [model(candidate)]
    found = LatestBlessedModel().resolve_artifacts(store, inputs)
    assert set(found) == set(inputs)
    assert found.get("candidate", []) == []
    return [a.id for a in found["model"]], [a.id for a in found["pushed_model"]]


def test_nothing_pushed_yet(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 2], [], candidate=2) == ([], [])
    assert blessed(store, [1, 2], [(9, 0)], candidate=2) == ([], [])


def test_the_model_pushed_last_is_the_one_to_beat(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 2, 3], [(10, 1), (11, 2)], candidate=3) == ([2], [11])


def test_an_older_model_pushed_again_is_the_one_to_beat(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 2, 3], [(10, 1), (11, 2), (12, 1)], candidate=3) == ([1], [12])


def test_a_model_is_not_compared_with_itself(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 2], [(10, 1), (11, 2)], candidate=2) == ([1], [10])
    assert blessed(store, [2], [(11, 2)], candidate=2) == ([], [])


def test_a_pushed_model_that_is_gone_is_passed_over(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 3], [(10, 1), (11, 2)], candidate=3) == ([1], [10])


def test_warm_start_asks_without_a_candidate(store: mlmd.MetadataStore) -> None:
    assert blessed(store, [1, 2], [(10, 1), (11, 2)]) == ([2], [11])


def attributions(id_: int, model: int) -> types.Artifact:
    artifact = FeatureAttributions()
    artifact.id = id_
    artifact.set_int_custom_property("model_id", model)
    return artifact


@pytest.mark.parametrize(("models", "expected"), [([7], [5]), ([8], [3]), ([9], []), ([], [])])
def test_the_latest_attributions_of_a_model(
    models: list[int], expected: list[int], store: mlmd.MetadataStore
) -> None:
    given = []
    for number in models:
        artifact = standard_artifacts.Model()
        artifact.id = number
        given.append(artifact)
    measured = [attributions(5, 7), attributions(3, 8), attributions(2, 7)]
    found = ModelAttributions().resolve_artifacts(store, {"model": given, "attributions": measured})
    assert [artifact.id for artifact in found["attributions"]] == expected
