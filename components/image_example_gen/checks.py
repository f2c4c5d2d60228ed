"""Checks of labels and splits over all images that can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from common.errors import BadInput
from components.image_example_gen.problems import shown

_SHOWN_CLASSES = 5


def check_classes(place: str, label: str, task: str, classes: Mapping[str, int]) -> None:
    """Raises BadInput for classes (name -> number of images) that no classifier can be trained and tested on."""
    if task not in ("binary", "multiclass"):
        return
    if len(classes) == 1:
        raise BadInput(
            f"{place}: label {label} has one class only, {shown(next(iter(classes)))!r}; a classifier needs at least two"
        )
    if task == "binary" and len(classes) > 2:
        listed = ", ".join(map(shown, sorted(classes)[:_SHOWN_CLASSES]))
        listed += ", ..." if len(classes) > _SHOWN_CLASSES else ""
        raise BadInput(
            f"{place}: label {label} has {len(classes)} classes ({listed}); task: binary needs two, or set task:"
            " multiclass"
        )
    lonely = sorted(name for name, count in classes.items() if count == 1)
    if lonely:
        more = f" (and {len(lonely) - 1} more such classes)" if len(lonely) > 1 else ""
        raise BadInput(
            f"{place}: class {shown(lonely[0])!r} has one image only{more}; a class needs images to train on and images"
            " to evaluate on: add images, or take the class out"
        )


def check_splits(place: str, counts: Mapping[str, int]) -> None:
    """Raises BadInput for a split (name -> number of images) without images."""
    for split, count in counts.items():
        if not count:
            raise BadInput(
                f"{place}: split {split} got none of the {sum(counts.values())} images; give more images, or more to"
                f" {split} under data.splits"
            )


def check_seen(
    place: str, label: str, classes: Sequence[str], splits: Sequence[str], names: Sequence[str]
) -> None:
    """Raises BadInput for an image of another split whose class has no image in train.

    classes, splits and names: of every image.
    """
    counts = Counter(zip(classes, splits, strict=True))
    for name, split, image in zip(classes, splits, names, strict=True):
        if split != "train" and not counts[name, "train"]:
            raise BadInput(
                f"{place}: {shown(image)}: class {shown(name)!r} is in split {split} but not in train; add images of"
                " this class, or take the class out"
            )
