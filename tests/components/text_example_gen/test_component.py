"""The component as TFX's launcher runs it: artifact, cache, span, failed executions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.proto import range_config_pb2

from common.errors import BadInput
from components.columnar_example_gen import inputs
from components.text_example_gen.component import TextExampleGen
from tests.components.text_example_gen.running import BEAM, SPLITS, records, run
from tests.components.text_example_gen.test_formats import write_table

COMPLETE, CACHED, FAILED = (
    metadata_store_pb2.Execution.State.Value(state) for state in ("COMPLETE", "CACHED", "FAILED")
)


class Pipeline:
    """Runs of one component with their metadata."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        database = str(folder / "metadata.sqlite")
        self.connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(database)

    def run(self, path: Path | str, code: str = "1", **reader: Any) -> None:
        reader = {"text": "table", "labels": ["label"], "task": "binary", **reader}
        base, pattern = inputs.locate(path)
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="p",
                pipeline_root=str(self.root),
                components=[TextExampleGen(base, pattern, reader, SPLITS, code).with_id("ExampleGen")],
                metadata_connection_config=self.connection,
                enable_cache=True,
                beam_pipeline_args=BEAM,
            )
        )

    def states(self) -> list[int]:
        with metadata.Metadata(self.connection) as handle:
            executions = sorted(handle.store.get_executions(), key=lambda execution: execution.id)
            return [execution.last_known_state for execution in executions]

    def artifact(self) -> metadata_store_pb2.Artifact:
        """The examples that were written last."""
        with metadata.Metadata(self.connection) as handle:
            return max(handle.store.get_artifacts_by_type("Examples"), key=lambda artifact: artifact.id)


def test_the_artifact_is_that_of_every_example_gen(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    (tmp_path / "day-3").mkdir()
    write_table(tmp_path / "day-3" / "rows.csv")
    pipeline.run(str(tmp_path / "day-{SPAN}" / "rows.csv"))
    artifact = pipeline.artifact()
    assert json.loads(artifact.properties["split_names"].string_value) == ["train", "valid", "eval"]
    custom = artifact.custom_properties
    assert custom["payload_format"].string_value == "FORMAT_TF_EXAMPLE"
    assert custom["file_format"].string_value == "tfrecords_gzip"
    assert custom["span"].int_value == 3
    assert custom["input_fingerprint"].string_value.startswith("sha256:")
    files = json.loads(custom["input_files"].string_value)
    assert [(file["split"], file["file"], file["rows"]) for file in files] == [("all", "day-3/rows.csv", 60)]
    assert custom["texts"].int_value == 60
    assert sorted(path.name for path in Path(artifact.uri).iterdir()) == [
        "Split-eval",
        "Split-train",
        "Split-valid",
        "text_report.json",
    ]


def test_a_window_of_source_and_target_files(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        for kind in ("en", "es"):
            lines = [f"{kind} {day} {row}\n" for row in range(40)]
            (tmp_path / f"{day}.{kind}.txt").write_text("".join(lines))
    paths = [tmp_path / "{SPAN}.en.txt", tmp_path / "{SPAN}.es.txt"]
    window = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=1, end_span_number=2)
    )
    options = {"text": "parallel", "labels": ["target"], "task": "translation"}
    examples = run(paths, tmp_path / "out", range_config=window, **options)
    pairs = [(one["source"][0], one["target"][0]) for rows in records(examples).values() for one in rows]
    assert len(pairs) == 80
    assert all(source.replace("en", "es") == target for source, target in pairs)
    assert {source.split()[1] for source, _ in pairs} == {"1", "2"}
    assert examples.span == 2


def test_only_what_matters_makes_it_run_again(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    path = write_table(tmp_path / "rows.csv")
    pipeline.run(path)
    path.touch()
    pipeline.run(path)
    path.write_text(path.read_text() + "1,1,a,one more\n")
    pipeline.run(path)
    pipeline.run(path, code="2")
    pipeline.run(path, code="2", max_oov=0.5)
    assert pipeline.states() == [COMPLETE, CACHED, COMPLETE, COMPLETE, COMPLETE]


def test_bad_texts_leave_a_failed_execution_and_no_folder(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    path = write_table(tmp_path / "rows.csv")
    path.write_text(path.read_text() + "1,1,,one more\n")
    with pytest.raises(BadInput, match=r"rows\.csv:62: label label is missing"):
        pipeline.run(path)
    with pytest.raises(BadInput, match="no such file"):
        pipeline.run(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="no such file"):
        pipeline.run(tmp_path / "none", text="folders")
    assert pipeline.states() == [FAILED, FAILED, FAILED]
    assert not list((tmp_path / "root").glob("ExampleGen/examples/*/*"))
