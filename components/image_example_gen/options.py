"""How images are laid out, named, checked and labelled."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from common.errors import BadInput

LAYOUTS = ("folders", "idx", "csv")
ON_ERROR = ("fail", "skip")
FEATURES = ("image", "height", "width", "channels", "size", "brightness", "file_name")
"""The features that every example has beside its labels; no column may be called so."""
SINGULAR = ("image", "file_name")
"""Those of them whose values do not come twice: there are no slices by them."""


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """What the reader has to know about a set of images beyond its path.

    images: folders (one per class), idx (pairs of IDX files), or csv (a path and labels per row).
    labels: names of the label features; of folders and idx there is one. task: binary | multiclass | regression.
    on_error and max_errors: whether images that cannot be used end the run, or are left out up to that many.
    max_pixels: the largest height x width that is decoded.
    path_column, delimiter, missing_values, types, drop: of the CSV; labels are text unless the task is regression.
    Raises BadInput for a value that is not allowed.
    """

    images: str
    labels: Sequence[str] = ("label",)
    task: str = ""
    on_error: str = "fail"
    max_errors: int = 20
    max_pixels: int = 50_000_000
    path_column: str = "path"
    delimiter: str = ","
    missing_values: Sequence[str] = ()
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    drop: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.images not in LAYOUTS:
            raise BadInput(f"data.images: {self.images!r} is no layout; give one of {', '.join(LAYOUTS)}")
        if self.on_error not in ON_ERROR:
            raise BadInput(
                f"data.on_error: {self.on_error!r} is no choice; give one of {', '.join(ON_ERROR)}"
            )
        if self.max_errors < 0:
            raise BadInput(f"data.max_errors: {self.max_errors} is below 0; give 0 or more")
        if self.max_pixels < 1:
            raise BadInput(f"data.max_pixels: {self.max_pixels} is below 1; give the largest height x width")
        for label in self.labels:
            if label in FEATURES:
                raise BadInput(f"label: {label} is the name of a feature of every image; take another name")
        if self.images != "csv":
            self._check_one_class_label()

    def _check_one_class_label(self) -> None:
        if len(self.labels) != 1:
            raise BadInput(
                f"label: images: {self.images} gives one label, the class, not {', '.join(self.labels) or 'none'};"
                " name one, or list the images in a CSV (images: csv)"
            )
        if self.task == "regression":
            raise BadInput(
                f"task: images: {self.images} gives classes, not numbers; list the images in a CSV (images: csv), or"
                " set task: multiclass"
            )

    def to_json(self) -> str:
        """One line, equal for equal options: it is part of the cache key."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ImageOptions:
        """The options that `to_json` wrote."""
        return cls(**json.loads(text))
