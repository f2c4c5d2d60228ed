"""Checks of labels and splits over all texts that are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from common.errors import BadInput
from components.columnar_example_gen.diagnosis import shown
from components.text_example_gen.options import CLASSIFICATION, TextOptions
from components.text_example_gen.summary import Summary
from components.text_example_gen.write_bucket import Place

TRAIN = "train"
MOST_CONTRADICTING = 0.05
"""With a larger share of contradicting labels the labels are no use, and leaving the texts out hides it."""
_SHOWN_CLASSES = 5
_TOLD = 3

Named = Callable[[Place], str]


def check(
    path: str,
    read: int,
    summary: Summary,
    options: TextOptions,
    types: Mapping[str, str],
    splits: Sequence[str],
    place: Named,
) -> None:
    """Raises BadInput for labels that cannot be trained on or evaluated, and for a split without texts.

    path: what the texts are named by as a whole. read: how many there were. types: of columns that came as text. place: how a row is named.
    """
    if not options.keeps_contradicting:
        _check_contradictions(path, read, summary, place)
    total = sum(summary.rows.values())
    if not total:
        raise BadInput(f"{path}: no text is left; the others are empty or over-long: mend them")
    if options.task in CLASSIFICATION:
        for label in options.labels:
            _check_classes(path, label, summary, options.task, place)
    if options.task == "regression":
        for label in options.labels:
            if types[label] not in ("int", "float"):
                raise BadInput(
                    f"{path}: label {label} is text; regression needs a number, or set task: multiclass"
                )
    for split in splits:
        if not summary.rows[split]:
            group = " (a group is in one split only)" if options.group else ""
            raise BadInput(
                f"{path}: split {split} got none of the {total:,} texts{group}; give more texts, or more to {split} under"
                " data.splits"
            )
    if TRAIN in splits:
        _check_seen(summary, place)


def _check_contradictions(path: str, read: int, summary: Summary, place: Named) -> None:
    if summary.contradicting <= MOST_CONTRADICTING * read:
        return
    (one, first), (other, second) = _differing(min(summary.contradictions))
    raise BadInput(
        f"{path}: {summary.contradicting:,} of {read:,} texts stand there again with another label, for example"
        f" {place(one)} ({first}) and {place(other)} ({second}); mend the labels"
    )


def _differing(group: Sequence[tuple[Place, str]]) -> tuple[tuple[Place, str], tuple[Place, str]]:
    return group[0], next(row for row in group if row[1] != group[0][1])


def told_contradictions(summary: Summary, place: Named) -> list[str]:
    """Some equal texts with different labels, a line each."""
    lines = []
    for group in sorted(summary.contradictions)[:_TOLD]:
        (one, first), (other, second) = _differing(group)
        lines.append(
            f"contradicting labels: {place(one)} is {first}, and the same text at {place(other)} {second}"
        )
    return lines


def _check_classes(path: str, label: str, summary: Summary, task: str, place: Named) -> None:
    classes: Counter[str] = Counter()
    for (name, value, _), count in summary.labels.items():
        classes[value] += count if name == label else 0
    classes += Counter()
    if len(classes) == 1:
        raise BadInput(
            f"{path}: label {label} has one class only, {shown(next(iter(classes)))}; a classifier needs at least two"
        )
    if task == "binary" and len(classes) > 2:
        listed = ", ".join(sorted(classes)[:_SHOWN_CLASSES]) + (
            ", ..." if len(classes) > _SHOWN_CLASSES else ""
        )
        raise BadInput(
            f"{path}: label {label} has {len(classes)} classes ({listed}); task: binary needs two, or set task:"
            " multiclass"
        )
    for value, count in sorted(classes.items()):
        if count == 1:
            (where,) = (at for (name, one, _), at in summary.first.items() if (name, one) == (label, value))
            raise BadInput(
                f"{place(where)}: label {label}: class {shown(value)} occurs once only; a class needs texts to train on"
                " and texts to evaluate on: mend the value, or take the text out"
            )


def _check_seen(summary: Summary, place: Named) -> None:
    for (label, value, split), where in sorted(summary.first.items()):
        if split != TRAIN and not summary.labels[label, value, TRAIN]:
            count = summary.labels[label, value, split]
            raise BadInput(
                f"{place(where)}: label {label}: {shown(value)} is in split {split} ({count:,} texts) but not in train; give"
                " train texts with it, or take these out"
            )
