"""Executor of ImageExampleGen: list the images, write their shards in Beam, judge what came of it."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from common.errors import BadInput
from components.columnar_example_gen.driver import INPUT_ERROR, INPUT_FILES
from components.columnar_example_gen.fingerprint import digest
from components.image_example_gen import (
    checks,
    fingerprint,
    near_duplicates,
    problems,
    report,
    shards,
    splits,
)
from components.image_example_gen import listing as listings
from components.image_example_gen import outcomes as outcome_files
from components.image_example_gen.constants import WARNINGS
from components.image_example_gen.driver import PATTERN
from components.image_example_gen.listing import NAME, Listing
from components.image_example_gen.options import ImageOptions
from components.image_example_gen.outcomes import Outcomes
from components.image_example_gen.problems import Problem
from components.image_example_gen.write_shard import Target, WriteShard

NEAR_DUPLICATES, NEAR_DUPLICATE_EXAMPLES = "near_duplicates", "near_duplicate_examples"
SKIPPED = "skipped_images"
_TOLD = 5


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the splits of an Examples artifact, and beside them what is to be known of the images."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the images that the driver fingerprinted and writes the `examples` artifact.

        Raises BadInput for images, labels and splits that are no use; the launcher then takes the folder away.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        if exec_properties.get(INPUT_ERROR):
            raise BadInput(exec_properties[INPUT_ERROR])
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        path = os.path.normpath(os.path.join(base, exec_properties[PATTERN]))
        options = ImageOptions.from_json(exec_properties["reader"])
        buckets: dict[str, int] = json.loads(exec_properties["splits"])
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])

        listing = listings.find(path, options)
        if not len(listing):
            problems.check(listing.problems, 0, listing.base, options)
            raise BadInput(f"{path}: there is no image that can be used; add images")
        if listing.held_out.any() and splits.HELD_OUT not in buckets:
            raise BadInput(
                f"data.splits: {path} holds a set of its own for the split {splits.HELD_OUT}, which is not named; add"
                f" {splits.HELD_OUT}"
            )
        artifact.split_names = artifact_utils.encode_split_names(list(buckets))
        outcomes = self._write(listing, options, buckets, artifact)

        left_out = [*listing.problems, *_named(outcomes, listing)]
        problems.check(left_out, len(outcomes.used()), listing.base, options)
        rows = fingerprint.files(
            path, options, known=outcomes.contents(listing.table.column(NAME).to_pylist())
        )
        if digest(rows) != exec_properties[utils.FINGERPRINT_PROPERTY_NAME]:
            raise BadInput(f"{path}: the images changed while the run was reading them; run again")
        _check(path, listing, outcomes, options, list(buckets))

        for line in (*listing.notes, *report.lines(listing, outcomes, options.labels, list(buckets))):
            logging.info("Images: %s", line)
        warnings = [
            *_left_out(artifact, left_out),
            *report.contradictions(listing, outcomes, options.labels),
            *_near_duplicates(artifact, listing, outcomes, options, list(buckets)),
        ]
        for line in warnings:
            logging.warning("Images: %s", line)
        artifact.set_string_custom_property(WARNINGS, json.dumps(warnings))
        # The driver sets a custom property; StatisticsGen copies this one.
        artifact.span = exec_properties[utils.SPAN_PROPERTY_NAME]
        exec_properties[INPUT_FILES] = json.dumps(_with_counts(rows, listing, outcomes, options))
        artifact.set_string_custom_property(INPUT_FILES, exec_properties[INPUT_FILES])
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, "tfrecords_gzip")

    def _write(
        self, listing: Listing, options: ImageOptions, buckets: Mapping[str, int], artifact: types.Artifact
    ) -> Outcomes:
        folder = self._get_tmp_dir()
        plans, outcomes = os.path.join(folder, "plans"), os.path.join(folder, "outcomes")
        target = Target(
            shards=shards.plan(plans, listing),
            plans=plans,
            folders={split: artifact_utils.get_split_uri([artifact], split) for split in buckets},
            buckets=splits.without_held_out(buckets) if listing.held_out.any() else buckets,
            outcomes=outcomes,
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(range(target.shards))
                | "Spread" >> beam.Reshuffle()
                | "Write" >> beam.ParDo(WriteShard(listing.base, options, target))
            )
        return outcome_files.read(outcomes, target.shards)


def _named(outcomes: Outcomes, listing: Listing) -> list[Problem]:
    return [Problem(listing.place(row), error.what, error.mend) for row, error in outcomes.problems()]


def _check(path: str, listing: Listing, outcomes: Outcomes, options: ImageOptions, names: list[str]) -> None:
    used = outcomes.used()
    of_split = outcomes.table.column("split").take(used).to_pylist()
    for label in options.labels:
        if options.task not in ("binary", "multiclass"):
            continue
        classes = listing.table.column(label).take(used).to_pylist()
        checks.check_classes(path, label, options.task, Counter(classes))
        checks.check_seen(path, label, classes, of_split, listing.table.column(NAME).take(used).to_pylist())
    counts = Counter(of_split)
    checks.check_splits(path, {name: counts[name] for name in names})


def _left_out(artifact: types.Artifact, left_out: list[Problem]) -> Iterator[str]:
    artifact.set_int_custom_property(SKIPPED, len(left_out))
    for problem in left_out:
        logging.warning("Left out: %s: %s", problems.shown(problem.name), problem.what)
    if left_out:
        _write_text(artifact, "skipped.csv", problems.as_csv(left_out))
        named = problems.shown(left_out[0].name)
        yield f"{len(left_out)} left out (skipped.csv), for example {named}: {left_out[0].what}"


def _near_duplicates(
    artifact: types.Artifact, listing: Listing, outcomes: Outcomes, options: ImageOptions, names: list[str]
) -> Iterator[str]:
    pairs = near_duplicates.find([outcomes.rows(name) for name in names], outcomes.pictures())
    artifact.set_int_custom_property(NEAR_DUPLICATES, len(pairs))
    images = listing.table.column(NAME)
    told = [[images[pair.row].as_py(), images[pair.other].as_py()] for pair in pairs[:_TOLD]]
    artifact.set_string_custom_property(NEAR_DUPLICATE_EXAMPLES, json.dumps(told))
    if pairs:
        text = report.near_duplicates_csv(pairs, listing, outcomes, options.labels)
        _write_text(artifact, "near_duplicates.csv", text)
        image, other = map(problems.shown, told[0])
        yield (
            f"{report.counted(len(pairs), 'image looks', 'images look')} like an image of an earlier split (near_duplicates.csv), for example {image} like {other}"
        )


def _with_counts(
    rows: list[dict[str, Any]], listing: Listing, outcomes: Outcomes, options: ImageOptions
) -> list[dict[str, Any]]:
    """The files with the number of images that came of each."""
    used = listing.table.column(NAME).take(outcomes.used()).to_pylist()
    if options.images == "csv":
        counts = Counter({fingerprint.IMAGES: len(used)})
    else:
        first, end = ("#", -1) if options.images == "idx" else ("/", 0)
        counts = Counter(name.rsplit(first, 1)[0] if end else name.split(first, 1)[0] for name in used)
    return [{**row, **({"rows": counts[row["file"]]} if row["file"] in counts else {})} for row in rows]


def _write_text(artifact: types.Artifact, name: str, text: str) -> None:
    with fileio.open(os.path.join(artifact.uri, name), "w") as file:
        file.write(text)
