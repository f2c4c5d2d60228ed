"""What is told of the images once they are looked at: lines for the log, and a table of near-duplicates."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.image_example_gen.listing import NAME, Listing
from components.image_example_gen.near_duplicates import Pair
from components.image_example_gen.outcomes import Outcomes
from components.image_example_gen.problems import shown

CHANNELS = {1: "grey", 2: "grey with alpha", 3: "colour", 4: "colour with alpha"}
_SHOWN_CLASSES = 20


def counted(count: int, one: str, several: str) -> str:
    """A number with its noun and verb."""
    return f"{count:,} {one if count == 1 else several}"


def lines(
    listing: Listing, outcomes: Outcomes, labels: Sequence[str], splits: Sequence[str]
) -> Iterator[str]:
    """Sizes, channels, classes, splits and copies, a line each."""
    used = outcomes.used()
    table = outcomes.table.take(used)
    heights, widths = table.column("height").to_numpy(), table.column("width").to_numpy()
    yield (
        f"{len(used)} images, {heights.min()} x {widths.min()} to {heights.max()} x {widths.max()} pixels (height x"
        f" width), median {int(np.median(heights))} x {int(np.median(widths))}"
    )
    channels = Counter(table.column("channels").to_pylist())
    if len(channels) > 1:
        listed = ", ".join(f"{count} {CHANNELS[kind]}" for kind, count in channels.most_common())
        yield f"images of several kinds: {listed}; the feature channels tells which, a trainer makes them alike"
    for label in labels:
        values = listing.table.column(label).take(used).to_pylist()
        classes = Counter(values).most_common(_SHOWN_CLASSES + 1)
        if isinstance(values[0], str):
            listed = ", ".join(f"{shown(name)} {count}" for name, count in classes[:_SHOWN_CLASSES])
            yield f"{label}: {listed}{', ...' if len(classes) > _SHOWN_CLASSES else ''}"
    counts = Counter(table.column("split").to_pylist())
    yield "splits: " + ", ".join(f"{split} {counts[split]}" for split in splits)
    copies = len(used) - table.group_by("content").aggregate([]).num_rows
    if copies:
        yield f"{counted(copies, 'image is a copy of another', 'images are copies of others')}, pixel for pixel"


def contradictions(listing: Listing, outcomes: Outcomes, labels: Sequence[str]) -> Iterator[str]:
    """A line for each label whose values differ between copies of an image."""
    used = outcomes.used()
    content = outcomes.table.column("content").take(used)
    for label in labels:
        known = pa.table([content, listing.table.column(label).take(used)], names=["content", "value"])
        distinct = known.group_by("content").aggregate([("value", "count_distinct")])
        torn = distinct.filter(pc.greater(distinct.column("value_count_distinct"), 1)).column("content")
        if not len(torn):
            continue
        of_first = np.flatnonzero(pc.equal(content, torn[0]))
        values = known.column("value").take(of_first).to_pylist()
        other = next(i for i, value in enumerate(values) if value != values[0])
        names = listing.table.column(NAME).take(used[of_first]).to_pylist()
        yield (
            f"{counted(len(torn), 'image is', 'images are')} there with more than one {label}, for example {shown(names[0])}"
            f" ({shown(str(values[0]))}) and {shown(names[other])} ({shown(str(values[other]))}), pixel for pixel: keep"
            " the one that is right"
        )


def near_duplicates_csv(
    pairs: Sequence[Pair], listing: Listing, outcomes: Outcomes, labels: Sequence[str]
) -> str:
    """A row for each image of a later split with its nearest image of an earlier one, and the labels of both."""
    columns = [listing.table.column(name) for name in (NAME, *labels)]
    splits = outcomes.table.column("split")
    header = ["split", NAME, *labels]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*header, *(f"near_{name}" for name in header), "different_bits", "difference"])
    for pair in pairs:
        sides = [
            value.as_py()
            for row in (pair.row, pair.other)
            for value in (splits[row], *(column[row] for column in columns))
        ]
        writer.writerow([*sides, pair.bits, f"{pair.difference:.2f}"])
    return text.getvalue()
